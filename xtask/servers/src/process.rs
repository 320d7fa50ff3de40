use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tokio::task::spawn_blocking;

use crate::error::Result;

/// A running server. It ends when this is dropped, and also when this process ends without
/// dropping anything, as it does with a server in a `static`; then its folder is removed too.
#[derive(Debug)]
pub(crate) struct Process {
    server: Child,
    keeper: Keeper,
}

/// A process that outlives ours for a moment, kills the server and removes its folder: its input
/// ends when we do.
#[derive(Debug)]
struct Keeper(Child);

// === impl Process ===

impl Process {
    /// Starts a server that keeps its files in a temporary `folder`.
    pub(crate) fn spawn(command: &mut Command, folder: &Path) -> Result<Self> {
        let mut server = command.spawn()?;
        match Keeper::of(server.id(), folder) {
            Ok(keeper) => Ok(Self { server, keeper }),
            Err(error) => {
                server.kill()?;
                server.wait()?;
                Err(error.into())
            }
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.server.id()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.server.try_wait()?)
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_child(&self.server);
        Ok(kill_process(pid, signal).map_err(io::Error::from)?)
    }

    /// Waits until a signal has stopped it, or it has ended.
    pub(crate) fn has_stopped(&self) -> Result<()> {
        let changes = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let server = WaitId::Pid(Pid::from_child(&self.server));
        waitid(server, changes).map_err(io::Error::from)?;
        Ok(())
    }

    /// Kills it, frozen or not, and waits for its end.
    pub(crate) async fn kill(mut self) -> Result<()> {
        let ending = spawn_blocking(move || self.end());
        ending.await.map_err(io::Error::from)?
    }

    /// Waits for its end.
    pub(crate) async fn wait(mut self) -> Result<()> {
        let ending = spawn_blocking(move || {
            self.server.wait()?;
            self.end()
        });
        ending.await.map_err(io::Error::from)?
    }

    fn end(&mut self) -> Result<()> {
        // First, as it knows the server by its number only, which others may get afterwards.
        self.keeper.dismiss()?;
        self.server.kill()?;
        self.server.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The process has most likely ended already; there is no caller to return an error to.
        let _ = self.end();
    }
}

// === impl Keeper ===

impl Keeper {
    fn of(server: u32, folder: &Path) -> io::Result<Self> {
        // The server may still be writing when its folder goes, until it is dead.
        let script = "read _; kill -9 \"$0\"; i=0; \
                      until rm -rf \"$1\" || [ $i -eq 100 ]; do i=$((i+1)); done";
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", script, &server.to_string()])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // What ends a whole group of processes does not end this one.
            .process_group(0);
        command.spawn().map(Self)
    }

    fn dismiss(&mut self) -> io::Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}
