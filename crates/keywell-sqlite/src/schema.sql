-- The state of the store, in one row.
CREATE TABLE keywell (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    -- A random number, by which resume tokens are known to be of this store.
    store INTEGER NOT NULL,
    -- The version of the last write.
    sequence INTEGER NOT NULL,
    -- The number of rows of `changes`, and the bytes of their names, keys and values.
    events INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    -- The last version that `changes` has lost, or never had.
    floor INTEGER NOT NULL,
    -- The same of `reserved_changes`.
    reserved_events INTEGER NOT NULL,
    reserved_bytes INTEGER NOT NULL,
    reserved_floor INTEGER NOT NULL
) STRICT;

INSERT INTO keywell VALUES (1, random(), 0, 0, 0, 0, 0, 0, 0);

CREATE TABLE entries (
    bucket TEXT NOT NULL CHECK (bucket <> ''),
    key TEXT NOT NULL CHECK (key <> ''),
    version INTEGER NOT NULL,
    -- Milliseconds since 1970.
    expires INTEGER,
    value BLOB NOT NULL,
    PRIMARY KEY (bucket, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX entries_expires ON entries (expires) WHERE expires IS NOT NULL;

-- What happened, for watches. The kind is 0 for a set, 1 for a deletion, 2 for an expiration.
CREATE TABLE changes (
    sequence INTEGER PRIMARY KEY,
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    kind INTEGER NOT NULL,
    value BLOB
) STRICT;

-- The same for the buckets whose names begin with `keywell-`, which keep no history.
CREATE TABLE reserved_changes (
    sequence INTEGER PRIMARY KEY,
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    kind INTEGER NOT NULL,
    value BLOB
) STRICT;

-- What other programs read and write.
CREATE VIEW kv AS
    SELECT bucket, key, value, version, expires FROM entries
    WHERE expires IS NULL
        OR expires > CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER);

-- The first of the two numbers is for the expiration of what was there, if it had expired.
CREATE TRIGGER kv_insert INSTEAD OF INSERT ON kv BEGIN
    SELECT RAISE(ABORT, 'buckets whose names begin with keywell- are Keywell''s own')
    WHERE substr(new.bucket, 1, 8) = 'keywell-';
    UPDATE keywell SET sequence = sequence + 2;
    INSERT INTO changes
        SELECT keywell.sequence - 1, entries.bucket, entries.key, 2, NULL FROM keywell, entries
        WHERE entries.bucket = new.bucket AND entries.key = new.key
            AND entries.expires <= CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER);
    INSERT INTO changes
        SELECT sequence, new.bucket, new.key, 0, CAST(new.value AS BLOB) FROM keywell;
    INSERT OR REPLACE INTO entries (bucket, key, version, expires, value)
        SELECT new.bucket, new.key, sequence, new.expires, CAST(new.value AS BLOB) FROM keywell;
    UPDATE keywell SET
        events = events + (SELECT count(*) FROM changes WHERE changes.sequence >= keywell.sequence - 1),
        bytes = bytes + (
            SELECT sum(length(CAST(bucket AS BLOB)) + length(CAST(key AS BLOB)) + ifnull(length(value), 0))
            FROM changes WHERE changes.sequence >= keywell.sequence - 1
        );
END;

CREATE TRIGGER kv_update INSTEAD OF UPDATE ON kv BEGIN
    SELECT RAISE(ABORT, 'a key cannot be renamed; delete it and insert another')
    WHERE new.bucket <> old.bucket OR new.key <> old.key;
    INSERT INTO kv (bucket, key, value, expires)
        VALUES (new.bucket, new.key, new.value, new.expires);
END;

CREATE TRIGGER kv_delete INSTEAD OF DELETE ON kv BEGIN
    SELECT RAISE(ABORT, 'buckets whose names begin with keywell- are Keywell''s own')
    WHERE substr(old.bucket, 1, 8) = 'keywell-';
    UPDATE keywell SET sequence = sequence + 1, events = events + 1,
        bytes = bytes + length(CAST(old.bucket AS BLOB)) + length(CAST(old.key AS BLOB));
    INSERT INTO changes SELECT sequence, old.bucket, old.key, 1, NULL FROM keywell;
    DELETE FROM entries WHERE bucket = old.bucket AND key = old.key;
END;
