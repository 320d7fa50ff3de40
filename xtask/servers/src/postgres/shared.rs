use std::ops::Deref;
use std::os::unix::process::CommandExt as _;
use std::sync::{Arc, Weak};

use super::databases::Databases;
use super::settings::Settings;
use crate::error::Result;
use crate::port::Port;
use crate::program;
use crate::shared::{Shared, Started};
use crate::wait::until;

/// A PostgreSQL server that tests of several processes use at the same time. What a test creates has
/// a [`name`](Databases::name) of its own.
#[derive(Debug)]
pub struct SharedPostgres {
    databases: Databases,
    _server: Shared,
}

/// That of this process.
static SHARED: tokio::sync::Mutex<Weak<SharedPostgres>> =
    tokio::sync::Mutex::const_new(Weak::new());

// === impl SharedPostgres ===

impl SharedPostgres {
    /// The server, started if it is not running.
    ///
    /// # Errors
    ///
    /// As [`Postgres::start`](crate::Postgres::start).
    pub async fn get() -> Result<Arc<Self>> {
        let mut shared = SHARED.lock().await;
        if let Some(postgres) = shared.upgrade() {
            return Ok(postgres);
        }
        program::postgres()?;
        let server = Shared::join("postgres", start, |_, folder| {
            until("PostgreSQL to accept connections", move || {
                let ready = Settings::ready(&folder);
                async move { ready }
            })
        })
        .await?;
        let postgres = Arc::new(Self {
            databases: Databases::at(server.addr()),
            _server: server,
        });
        *shared = Arc::downgrade(&postgres);
        Ok(postgres)
    }
}

impl Deref for SharedPostgres {
    type Target = Databases;

    fn deref(&self) -> &Databases {
        &self.databases
    }
}

fn start() -> Result<Started> {
    let settings = Settings::default();
    let folder = settings.prepare()?;
    let port = Port::claim()?;
    let process = settings
        .command(folder.path(), port.number())?
        .process_group(0)
        .spawn()?;
    Ok(Started {
        process,
        folder,
        port,
        signal: "QUIT",
    })
}
