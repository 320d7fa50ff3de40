-- The state of the store, in one row.
CREATE TABLE keywell (
    id smallint PRIMARY KEY CHECK (id = 1),
    -- How many migrations the schema has had.
    version integer NOT NULL,
    -- A random number, by which resume tokens are known to be of this store.
    store bigint NOT NULL,
    -- A run of the server; see `settle`.
    epoch bigint NOT NULL DEFAULT 0,
    -- When a process last asked whether it can write.
    checked timestamptz
);

CREATE TABLE entries (
    bucket text COLLATE "C" NOT NULL,
    key bytea NOT NULL,
    version bigint NOT NULL,
    expires timestamptz,
    value bytea NOT NULL,
    PRIMARY KEY (bucket, key)
);
CREATE INDEX entries_expires ON entries (expires) WHERE expires IS NOT NULL;

-- Versions of the keys of buckets that keep a history, and of those that do not: an event of a
-- reserved bucket takes no number of the history.
CREATE SEQUENCE versions;
CREATE SEQUENCE reserved_versions;

-- What happened, for watches. The kind is 0 for a set, 1 for a deletion, 2 for an expiration.
CREATE TABLE changes (
    reserved boolean NOT NULL,
    version bigint NOT NULL,
    epoch bigint NOT NULL,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    bucket text COLLATE "C" NOT NULL,
    key bytea NOT NULL,
    kind smallint NOT NULL,
    value bytea,
    PRIMARY KEY (reserved, version)
);
CREATE INDEX changes_xid ON changes (bucket, epoch, xid);

-- The last transaction of which a change was removed.
CREATE TABLE floors (
    reserved boolean PRIMARY KEY,
    epoch bigint NOT NULL,
    xid xid8 NOT NULL
);
INSERT INTO floors VALUES (false, 0, '0'), (true, 0, '0');

-- Prepares a session for the other functions, in a transaction of its own.
--
-- A server that crashed, or a replica that was promoted, may lose the end of its log, and then gives a
-- second time numbers of transactions and of versions that clients have seen: those of transactions
-- that rolled back, or whose commits were not synchronous or not replicated. So numbers of transactions
-- are compared within an epoch only, and each epoch begins with versions that none before it has
-- reached. A session keeps a lock that says that its epoch goes on. With the last session, which no
-- crash survives, it is over.
CREATE FUNCTION settle() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    class CONSTANT integer := hashtext('epoch ' || current_schema());
    here bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(current_schema(), 2));
    SELECT epoch INTO here FROM keywell;
    IF pg_try_advisory_lock(class, (here & 2147483647)::integer) THEN
        PERFORM pg_advisory_unlock(class, (here & 2147483647)::integer);
        -- The time makes it another one than any that was lost.
        UPDATE keywell SET epoch =
            greatest(epoch + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
        RETURNING epoch INTO here;
        PERFORM setval('versions', nextval('versions') + 16777216);
        PERFORM setval('reserved_versions', nextval('reserved_versions') + 16777216);
    END IF;
    PERFORM pg_advisory_lock_shared(class, (here & 2147483647)::integer);
    PERFORM set_config('keywell.' || current_schema(), here::text, false);
END
$$;

-- Performs steps if all checks hold. Every write of the store is a call of this.
--
-- A step is 0 for a set, 1 for a deletion, 2 for a deletion of what has expired, 3 for an increment.
-- A check of no version holds if the key is absent.
--
-- Locks come first: a shared one of the whole store, and one of each key, checked or written, there
-- or not, in the order of their numbers. Each statement after that sees all that was committed under
-- the same lock before. Versions are taken under the lock, so they have the order of the writes of a
-- key. For many keys, which would fill the server's table of locks, the whole store is locked.
CREATE FUNCTION apply(
    IN in_check_buckets text[],
    IN in_check_keys bytea[],
    IN in_check_versions bigint[],
    IN in_buckets text[],
    IN in_keys bytea[],
    IN in_steps smallint[],
    IN in_values bytea[],
    IN in_deltas bigint[],
    IN in_ttls bigint[],
    OUT out_stale integer,
    OUT out_versions bigint[],
    OUT out_counters bigint[],
    OUT out_changed boolean[]
) LANGUAGE plpgsql AS $$
DECLARE
    here bigint := nullif(current_setting('keywell.' || current_schema(), true), '');
    class CONSTANT integer := hashtext(current_schema());
    gate CONSTANT bigint := hashtextextended(current_schema(), 0);
    written CONSTANT integer := cardinality(in_keys);
    checked CONSTANT integer := cardinality(in_check_keys);
    number integer;
    at timestamptz;
    is_there boolean;
    is_reserved boolean;
    is_changed boolean;
    old_version bigint;
    old_expires timestamptz;
    old_value bytea;
    new_version bigint;
    new_expires timestamptz;
    new_value bytea;
    counter numeric;
BEGIN
    IF current_setting('transaction_isolation') NOT LIKE 'read %' THEN
        RAISE EXCEPTION 'a transaction of the store has to be READ COMMITTED' USING ERRCODE = '25000';
    END IF;
    IF here IS NULL THEN
        RAISE EXCEPTION 'call settle() first, in a transaction of its own' USING ERRCODE = '55000';
    END IF;
    IF written + checked > 64 THEN
        PERFORM pg_advisory_xact_lock(gate);
    ELSE
        PERFORM pg_advisory_xact_lock_shared(gate);
        IF written = 1 AND checked = 0 THEN
            PERFORM pg_advisory_xact_lock(
                class, hashtext(in_buckets[1] || ':' || encode(in_keys[1], 'hex')));
        ELSE
            FOR number IN
                SELECT DISTINCT hashtext(bucket || ':' || encode(key, 'hex')) AS one
                FROM unnest(in_check_buckets || in_buckets, in_check_keys || in_keys)
                    AS keys(bucket, key)
                ORDER BY one
            LOOP
                PERFORM pg_advisory_xact_lock(class, number);
            END LOOP;
        END IF;
    END IF;
    at := clock_timestamp();
    FOR i IN 1 .. checked LOOP
        SELECT entries.version INTO old_version FROM entries
        WHERE entries.bucket = in_check_buckets[i] AND entries.key = in_check_keys[i]
            AND (entries.expires IS NULL OR entries.expires > at);
        IF old_version IS DISTINCT FROM in_check_versions[i] THEN
            out_stale := i - 1;
            RETURN;
        END IF;
    END LOOP;
    FOR i IN 1 .. written LOOP
        is_reserved := in_buckets[i] LIKE 'keywell-%';
        is_changed := in_steps[i] IN (0, 3);
        new_version := NULL;
        counter := NULL;
        SELECT entries.expires,
            CASE WHEN in_steps[i] = 3 AND octet_length(entries.value) <= 20 THEN entries.value END
        INTO old_expires, old_value FROM entries
        WHERE entries.bucket = in_buckets[i] AND entries.key = in_keys[i];
        is_there := FOUND;
        IF is_there AND old_expires <= at THEN
            -- Watches learn that it expired before they learn what is next.
            DELETE FROM entries WHERE entries.bucket = in_buckets[i] AND entries.key = in_keys[i];
            INSERT INTO changes (reserved, version, epoch, bucket, key, kind) VALUES (
                is_reserved,
                CASE WHEN is_reserved THEN nextval('reserved_versions') ELSE nextval('versions') END,
                here, in_buckets[i], in_keys[i], 2);
            is_there := false;
        END IF;
        IF in_steps[i] = 1 AND is_there THEN
            DELETE FROM entries WHERE entries.bucket = in_buckets[i] AND entries.key = in_keys[i];
            INSERT INTO changes (reserved, version, epoch, bucket, key, kind) VALUES (
                is_reserved,
                CASE WHEN is_reserved THEN nextval('reserved_versions') ELSE nextval('versions') END,
                here, in_buckets[i], in_keys[i], 1);
            is_changed := true;
        ELSIF in_steps[i] IN (0, 3) THEN
            new_expires := at + in_ttls[i] * interval '1 millisecond';
            IF in_steps[i] = 0 THEN
                new_value := in_values[i];
            ELSE
                counter := 0;
                IF is_there THEN
                    new_expires := old_expires;
                    IF old_value IS NULL OR encode(old_value, 'escape') !~ '^(0|-?[1-9][0-9]*)$' THEN
                        RAISE EXCEPTION 'the value is not a number' USING ERRCODE = 'KW001';
                    END IF;
                    counter := encode(old_value, 'escape')::numeric;
                    IF counter NOT BETWEEN -9223372036854775808 AND 9223372036854775807 THEN
                        RAISE EXCEPTION 'the value is not a number' USING ERRCODE = 'KW001';
                    END IF;
                END IF;
                counter := counter + in_deltas[i];
                IF counter NOT BETWEEN -9223372036854775808 AND 9223372036854775807 THEN
                    RAISE EXCEPTION 'the counter would leave its range' USING ERRCODE = 'KW002';
                END IF;
                new_value := convert_to(counter::text, 'UTF8');
            END IF;
            new_version :=
                CASE WHEN is_reserved THEN nextval('reserved_versions') ELSE nextval('versions') END;
            INSERT INTO entries AS there (bucket, key, version, expires, value)
            VALUES (in_buckets[i], in_keys[i], new_version, new_expires, new_value)
            ON CONFLICT (bucket, key) DO UPDATE
                SET version = excluded.version, expires = excluded.expires, value = excluded.value;
            INSERT INTO changes (reserved, version, epoch, bucket, key, kind, value)
            VALUES (is_reserved, new_version, here, in_buckets[i], in_keys[i], 0, new_value);
        END IF;
        out_versions[i] := new_version;
        out_counters[i] := counter::bigint;
        out_changed[i] := is_changed;
    END LOOP;
END
$$;

-- Removes the oldest changes past these limits, but none of a transaction that may not be visible to
-- all yet. One process at a time does so. Returns whether there are more to remove.
CREATE FUNCTION trim_changes(IN in_reserved boolean, IN in_events bigint, IN in_bytes bigint)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    -- So that it ends within the limit of a statement.
    most CONSTANT bigint := 20000;
    here CONSTANT bigint := current_setting('keywell.' || current_schema());
    bound bigint;
    heavy bigint;
    near bigint;
    removed record;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended(current_schema(), 1)) THEN
        RETURN false;
    END IF;
    SELECT version INTO bound FROM changes WHERE reserved = in_reserved
    ORDER BY version DESC OFFSET in_events LIMIT 1;
    IF pg_total_relation_size('changes') > in_bytes THEN
        SELECT max(version) INTO heavy FROM (
            SELECT version, sum(octet_length(bucket) + octet_length(key)
                + coalesce(octet_length(value), 0))
                    OVER (ORDER BY version DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
                    AS newer
            FROM changes WHERE reserved = in_reserved
        ) AS sums WHERE newer > in_bytes;
    END IF;
    bound := greatest(bound, heavy);
    IF bound IS NULL THEN
        RETURN false;
    END IF;
    SELECT version INTO near FROM changes WHERE reserved = in_reserved
    ORDER BY version OFFSET most LIMIT 1;
    WITH gone AS (
        DELETE FROM changes WHERE reserved = in_reserved AND version <= least(bound, near)
            AND (epoch, xid) < (here, pg_snapshot_xmin(pg_current_snapshot()))
        RETURNING epoch, xid
    )
    SELECT epoch, xid, count(*) OVER () AS rows INTO removed FROM gone
    ORDER BY epoch DESC, xid DESC LIMIT 1;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE floors SET epoch = removed.epoch, xid = removed.xid
    WHERE reserved = in_reserved AND (epoch, xid) < (removed.epoch, removed.xid);
    RETURN coalesce(near < bound, false) AND removed.rows > most / 2;
END
$$;
