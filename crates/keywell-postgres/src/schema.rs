//! The tables of a store, their version, and how older ones are migrated.

use tokio_postgres::{Client, GenericClient};

use crate::{OpenError, Options};

/// What makes each version of the tables from the one before it; the first from nothing.
const MIGRATIONS: &[&str] = &[include_str!("schema.sql")];

/// What an open store knows of its database.
pub(crate) struct Found {
    /// The random number of the store.
    pub(crate) store: i64,
    /// Whether an acknowledged write is on the server's disk.
    pub(crate) is_synced: bool,
}

/// Checks the database, and makes or migrates the tables.
pub(crate) async fn open(client: &mut Client, options: &Options) -> Result<Found, OpenError> {
    let sql = "SELECT current_setting('server_version_num')::int, current_setting('server_version'), \
               current_setting('server_encoding'), current_setting('fsync') = 'on' \
               AND current_setting('synchronous_commit') <> 'off'";
    let server = client.query_one(sql, &[]).await?;
    if server.get::<_, i32>(0) < 130_000 {
        return Err(OpenError::Old(server.get(1)));
    }
    let encoding: String = server.get(2);
    if encoding != "UTF8" {
        return Err(OpenError::Encoding(encoding));
    }
    let known = version(client, options).await?;
    if known < MIGRATIONS.len() {
        if known == 0 && options.existing {
            return Err(OpenError::Missing(options.schema.clone()));
        }
        migrate(client, options).await?;
    }
    let row = client.query_one("SELECT store FROM keywell", &[]).await?;
    Ok(Found {
        store: row.get(0),
        is_synced: server.get(3),
    })
}

/// Several processes may do so at the same time; one does.
async fn migrate(client: &mut Client, options: &Options) -> Result<(), OpenError> {
    let schema = &options.schema;
    let transaction = client.transaction().await?;
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended('keywell ' || $1, 0))";
    transaction.query(lock, &[schema]).await?;
    let known = version(&transaction, options).await?;
    if known == 0 {
        // A role that may use a schema may not be allowed to create one.
        let there = "SELECT 1 FROM pg_namespace WHERE nspname = $1";
        if transaction.query_opt(there, &[schema]).await?.is_none() {
            let create = format!("CREATE SCHEMA \"{schema}\"");
            transaction.batch_execute(&create).await?;
        }
    }
    for migration in &MIGRATIONS[known..] {
        transaction.batch_execute(migration).await?;
    }
    let newest = i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX);
    if known == 0 {
        let store: i64 = rand::random();
        let insert = "INSERT INTO keywell (id, version, store) VALUES (1, $1, $2)";
        transaction.execute(insert, &[&newest, &store]).await?;
    } else {
        let update = "UPDATE keywell SET version = $1";
        transaction.execute(update, &[&newest]).await?;
    }
    Ok(transaction.commit().await?)
}

/// How many migrations the schema has had; none if it is absent or empty.
async fn version(client: &impl GenericClient, options: &Options) -> Result<usize, OpenError> {
    let schema = &options.schema;
    let tables = "SELECT count(*), count(*) FILTER (WHERE relname = 'keywell') FROM pg_class \
                  JOIN pg_namespace ON pg_namespace.oid = relnamespace \
                  WHERE nspname = $1 AND relkind IN ('r', 'p', 'v', 'm', 'f')";
    let tables = client.query_one(tables, &[schema]).await?;
    let (all, ours): (i64, i64) = (tables.get(0), tables.get(1));
    if all == 0 {
        return Ok(0);
    }
    let foreign = || OpenError::Foreign(schema.clone());
    if ours == 0 {
        return Err(foreign());
    }
    let found = client
        .query_opt("SELECT version, store FROM keywell", &[])
        .await;
    let found = match found {
        Ok(found) => found.ok_or_else(foreign)?,
        // A table of the same name, with other columns.
        Err(error) if error.code() == Some(&tokio_postgres::error::SqlState::UNDEFINED_COLUMN) => {
            return Err(foreign());
        }
        Err(error) => return Err(error.into()),
    };
    let found: i32 = found.try_get(0).map_err(|_| foreign())?;
    let version = usize::try_from(found).ok();
    let known = MIGRATIONS.len();
    version
        .filter(|version| *version <= known)
        .ok_or_else(|| OpenError::Newer {
            schema: schema.clone(),
            found,
            known,
        })
}
