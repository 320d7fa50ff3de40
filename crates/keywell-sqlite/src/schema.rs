//! The tables of a file, their version, and how an older file is migrated.

use rusqlite::{Connection, TransactionBehavior};

use crate::OpenError;

/// `PRAGMA application_id` of every file of this store: `KWkv`.
const APPLICATION: i64 = 0x4B57_6B76;

/// What makes each version of the schema from the one before it; the first from nothing.
/// `PRAGMA user_version` of a file says how many of them it has had.
const MIGRATIONS: &[&str] = &[include_str!("schema.sql")];

/// What every file must have, as queries that read nothing.
const SHAPE: [&str; 4] = [
    "SELECT id, store, sequence, events, bytes, floor, reserved_events, reserved_bytes, \
     reserved_floor FROM keywell",
    "SELECT bucket, key, version, expires, value FROM entries",
    "SELECT sequence, bucket, key, kind, value FROM changes",
    "SELECT sequence, bucket, key, kind, value FROM reserved_changes",
];

/// Makes the tables in a new database.
pub(crate) fn make(connection: &mut Connection) -> Result<(), OpenError> {
    connection.pragma_update(None, "application_id", APPLICATION)?;
    migrate(connection, MIGRATIONS)
}

/// Checks that a database is a store of this version, and migrates an older one.
pub(crate) fn check(connection: &mut Connection) -> Result<(), OpenError> {
    if number(connection, "application_id")? != APPLICATION {
        return Err(OpenError::Foreign);
    }
    migrate(connection, MIGRATIONS)?;
    for query in SHAPE {
        connection.prepare(query).map_err(|error| match error {
            error if crate::error::is_busy(&error) => OpenError::Database(error),
            error => OpenError::Shape(error),
        })?;
    }
    Ok(())
}

fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<(), OpenError> {
    if version(connection, migrations)? == migrations.len() {
        return Ok(());
    }
    // Another process may do the same.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for migration in &migrations[version(&transaction, migrations)?..] {
        transaction.execute_batch(migration)?;
    }
    let newest = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    transaction.pragma_update(None, "user_version", newest)?;
    Ok(transaction.commit()?)
}

/// How many migrations a database has had.
fn version(connection: &Connection, migrations: &[&str]) -> Result<usize, OpenError> {
    let found = number(connection, "user_version")?;
    let version = usize::try_from(found).ok();
    version
        .filter(|version| *version <= migrations.len())
        .ok_or(OpenError::Newer {
            found,
            known: migrations.len(),
        })
}

fn number(connection: &Connection, pragma: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, pragma, |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_database_is_migrated_once_and_keeps_what_it_has() {
        let mut connection = Connection::open_in_memory().unwrap();
        make(&mut connection).unwrap();
        let insert = "INSERT INTO kv (bucket, key, value) VALUES ('b', 'k', x'01')";
        connection.execute(insert, []).unwrap();
        let more = [MIGRATIONS[0], "ALTER TABLE keywell ADD COLUMN more INTEGER"];
        migrate(&mut connection, &more).unwrap();
        migrate(&mut connection, &more).unwrap();
        connection.prepare("SELECT more FROM keywell").unwrap();
        let count = "SELECT count(*) FROM kv";
        let kept: i64 = connection.query_row(count, [], |row| row.get(0)).unwrap();
        assert_eq!(kept, 1);
        let error = check(&mut connection).unwrap_err();
        assert!(
            matches!(error, OpenError::Newer { found: 2, known: 1 }),
            "{error}"
        );
    }

    #[test]
    fn a_migration_that_fails_changes_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        make(&mut connection).unwrap();
        let bad = [
            MIGRATIONS[0],
            "ALTER TABLE keywell ADD COLUMN more INTEGER; nonsense",
        ];
        migrate(&mut connection, &bad).unwrap_err();
        assert!(connection.prepare("SELECT more FROM keywell").is_err());
        check(&mut connection).unwrap();
    }

    #[test]
    fn tables_of_another_shape_are_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        make(&mut connection).unwrap();
        let rename = "DROP VIEW kv; ALTER TABLE changes RENAME COLUMN kind TO sort";
        connection.execute_batch(rename).unwrap();
        let error = check(&mut connection).unwrap_err();
        assert!(matches!(error, OpenError::Shape(_)), "{error}");
    }
}
