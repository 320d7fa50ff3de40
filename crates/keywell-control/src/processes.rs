//! The processes of a user, and what they run.

use std::io;
use std::path::Path;
use std::time::Duration;

use futures::future::join_all;
use http::Method;
use keywell_folder::Folder;
use tokio::time::timeout;

use crate::call::STATUS;
use crate::link::{Fault, Link};
use crate::report::Report;
use crate::server::Server;
use crate::socket;

/// How old a socket is at least that is removed because nothing listens: one that is new may be about
/// to be listened to.
const OLD: Duration = Duration::from_secs(10);

/// How long a process may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the process runs that has the store in a folder.
///
/// # Errors
///
/// [`io::ErrorKind::NotFound`] or [`io::ErrorKind::ConnectionRefused`] where no process has it.
pub async fn in_store(folder: &Path) -> io::Result<Report> {
    let link = Link::new(Folder::open(folder)?, Server::STORE);
    link.try_connect().await?;
    report(&link).await
}

/// What each process runs that answers in a folder, in the order of their ids. One that does not
/// answer is an error; those that have ended are left out, and their sockets are removed.
///
/// # Errors
///
/// Those of the system, but that there is no such folder.
pub async fn all(folder: &Path) -> io::Result<Vec<io::Result<Report>>> {
    let names = match Folder::open(folder) {
        Ok(folder) => folder.names()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let names = names.into_iter().filter(|name| is_socket(name));
    let asked = names.map(async |name| {
        let folder = Folder::open(folder).ok()?;
        if is_left(&folder, &name).await {
            return None;
        }
        Some(report(&Link::new(folder, &name)).await)
    });
    let mut reports: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
    reports.sort_by_key(|report| report.as_ref().map_or(u32::MAX, |report| report.pid));
    Ok(reports)
}

/// Removes the sockets in a folder that killed processes left.
pub async fn sweep(folder: &Folder) {
    let names = folder.names().unwrap_or_default();
    for name in names.iter().filter(|name| is_socket(name)) {
        is_left(folder, name).await;
    }
}

fn is_socket(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "sock")
}

/// Whether nothing listens to a socket, which is removed then.
async fn is_left(folder: &Folder, name: &str) -> bool {
    let connected = socket::connect(folder, name)
        .await
        .map_err(|error| error.kind());
    match connected {
        Err(io::ErrorKind::NotFound) => true,
        Err(io::ErrorKind::ConnectionRefused) => {
            let made = std::fs::symlink_metadata(folder.path().join(name));
            let age = made.and_then(|made| Ok(made.modified()?.elapsed().unwrap_or_default()));
            if age.is_ok_and(|age| age > OLD) {
                drop(folder.remove(name));
            }
            true
        }
        Ok(_) | Err(_) => false,
    }
}

async fn report(link: &Link) -> io::Result<Report> {
    let answer = async {
        let reply = link.send(Method::GET, STATUS, Vec::new()).await?;
        reply.whole().await
    };
    // One that was stopped by a signal is not to hold up the others.
    let answer = timeout(PATIENCE, answer).await?;
    let answer = answer.map_err(|fault| match fault {
        Fault::Unsent(failure) | Fault::Unanswered(failure) => {
            io::Error::other(failure.to_string())
        }
    })?;
    Ok(serde_json::from_slice(&answer)?)
}
