-- The state of the store, in one row.
CREATE TABLE keywell (
    id smallint PRIMARY KEY CHECK (id = 1),
    -- How many migrations the schema has had.
    version integer NOT NULL,
    -- A random number, by which resume tokens are known to be of this store.
    store bigint NOT NULL,
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
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    bucket text COLLATE "C" NOT NULL,
    key bytea NOT NULL,
    kind smallint NOT NULL,
    value bytea,
    PRIMARY KEY (reserved, version)
);
CREATE INDEX changes_xid ON changes (bucket, xid);

-- The last transaction of which a change was removed.
CREATE TABLE floors (
    reserved boolean PRIMARY KEY,
    xid xid8 NOT NULL
);
INSERT INTO floors VALUES (false, '0'), (true, '0');

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
            INSERT INTO changes (reserved, version, bucket, key, kind) VALUES (
                is_reserved,
                CASE WHEN is_reserved THEN nextval('reserved_versions') ELSE nextval('versions') END,
                in_buckets[i], in_keys[i], 2);
            is_there := false;
        END IF;
        IF in_steps[i] = 1 AND is_there THEN
            DELETE FROM entries WHERE entries.bucket = in_buckets[i] AND entries.key = in_keys[i];
            INSERT INTO changes (reserved, version, bucket, key, kind) VALUES (
                is_reserved,
                CASE WHEN is_reserved THEN nextval('reserved_versions') ELSE nextval('versions') END,
                in_buckets[i], in_keys[i], 1);
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
            INSERT INTO changes (reserved, version, bucket, key, kind, value)
            VALUES (is_reserved, new_version, in_buckets[i], in_keys[i], 0, new_value);
        END IF;
        out_versions[i] := new_version;
        out_counters[i] := counter::bigint;
        out_changed[i] := is_changed;
    END LOOP;
END
$$;

-- Removes the oldest changes past these limits, but none of a transaction that may not be visible to
-- all yet. One process at a time does so.
CREATE FUNCTION trim_changes(IN in_reserved boolean, IN in_events bigint, IN in_bytes bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    last bigint;
    bound bigint;
    removed xid8;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended(current_schema(), 1)) THEN
        RETURN;
    END IF;
    SELECT version INTO last FROM changes WHERE reserved = in_reserved
    ORDER BY version DESC LIMIT 1;
    bound := last - in_events;
    IF pg_total_relation_size('changes') > in_bytes THEN
        SELECT greatest(bound, max(version)) INTO bound FROM (
            SELECT version, sum(octet_length(bucket) + octet_length(key)
                + coalesce(octet_length(value), 0))
                    OVER (ORDER BY version DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
                    AS newer
            FROM changes WHERE reserved = in_reserved
        ) AS sums WHERE newer > in_bytes;
    END IF;
    WITH gone AS (
        DELETE FROM changes WHERE reserved = in_reserved AND version <= bound
            AND xid < pg_snapshot_xmin(pg_current_snapshot())
        RETURNING xid
    )
    SELECT xid INTO removed FROM gone ORDER BY xid DESC LIMIT 1;
    UPDATE floors SET xid = removed WHERE reserved = in_reserved AND xid < removed;
END
$$;
