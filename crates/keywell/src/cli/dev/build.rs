use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use keywell_config::Secret;
use keywell_system::process::{Group, shell};
use tokio::sync::watch;

/// What has to be run to build components.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Cargo, for the package in the folder.
    Cargo {
        /// Whether with optimisation.
        is_release: bool,
        /// The folder that components are taken from, whatever else Cargo is configured to use.
        target: Option<PathBuf>,
    },
    /// A command for the shell.
    Shell(String),
}

/// Runs builds, one at a time, each with its processes as a group of its own. They write to the
/// terminal themselves.
#[derive(Clone, Default)]
pub(super) struct Builds(Arc<watch::Sender<Option<Group>>>);

// === impl Step ===

impl Step {
    /// As a person would write it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Cargo { is_release, .. } => format!("cargo {}", arguments(*is_release).join(" ")),
            Self::Shell(command) => command.clone(),
        }
    }

    fn command(&self) -> Command {
        match self {
            Self::Cargo { is_release, target } => {
                let mut command = Command::new("cargo");
                command.args(arguments(*is_release));
                if let Some(target) = target {
                    command.env("CARGO_TARGET_DIR", target);
                }
                command
            }
            Self::Shell(line) => shell(line),
        }
    }
}

fn arguments(is_release: bool) -> Vec<&'static str> {
    let release = is_release.then_some("--release");
    let target = ["--target", "wasm32-wasip2"];
    let words = ["build"].into_iter().chain(release);
    words.chain(target).collect()
}

// === impl Builds ===

impl Builds {
    /// How long a build may take to end that was asked to.
    const PATIENCE: Duration = Duration::from_secs(2);

    /// Runs a step in a folder to its end. It has the variables of this process, but for Keywell's
    /// own, which may be secret, and those that are given.
    pub(super) async fn run(
        &self,
        step: &Step,
        folder: &Path,
        env: &[(String, Secret)],
    ) -> io::Result<ExitStatus> {
        let mut command = step.command();
        command.current_dir(folder).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"KEYWELL_") {
                command.env_remove(name);
            }
        }
        command.envs(env.iter().map(|(name, value)| (name, value.expose())));
        // A signal from the terminal is for this process, which then ends the group.
        let (child, group) = Group::spawn(&mut command)?;
        self.0.send_replace(Some(group));
        let builds = self.0.clone();
        let wait = move || {
            let mut child = child;
            let status = child.wait();
            builds.send_replace(None);
            status
        };
        let ended = tokio::task::spawn_blocking(wait).await;
        ended.unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    /// Asks the build that runs to end.
    pub(super) fn ask_to_end(&self) {
        if let Some(group) = self.running() {
            group.ask_to_end();
        }
    }

    /// Ends the build that runs, with all of its processes.
    pub(super) async fn end(&self) {
        self.ask_to_end();
        let mut running = self.0.subscribe();
        let ended = running.wait_for(Option::is_none);
        if tokio::time::timeout(Self::PATIENCE, ended).await.is_err()
            && let Some(group) = self.running()
        {
            group.kill();
        }
    }

    fn running(&self) -> Option<Group> {
        *self.0.borrow()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_shown_as_it_is_run() {
        let cargo = |is_release| Step::Cargo {
            is_release,
            target: None,
        };
        let step = cargo(true);
        assert_eq!(step.shown(), "cargo build --release --target wasm32-wasip2");
        let step = cargo(false);
        assert_eq!(step.shown(), "cargo build --target wasm32-wasip2");
        assert_eq!(Step::Shell("make x".to_owned()).shown(), "make x");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_build_ends_with_the_processes_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let builds = Builds::default();
        // A process of a process, which would go on for long.
        let step = Step::Shell("sh -c 'echo $$ > inner; exec sleep 600'; true".to_owned());
        let run = builds.run(&step, folder.path(), &[]);
        let end = async {
            while std::fs::read_to_string(folder.path().join("inner")).is_err() {
                tokio::task::yield_now().await;
            }
            builds.end().await;
        };
        let (status, ()) = tokio::join!(run, end);
        assert!(!status.unwrap().success());
        assert!(builds.0.borrow().is_none());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_build_runs_in_its_folder_and_has_its_status() {
        let folder = tempfile::tempdir().unwrap();
        let builds = Builds::default();
        let env = [("GIVEN".to_owned(), Secret::from("value".to_owned()))];
        for (command, is_well) in [
            ("echo > made; [ \"$GIVEN\" = value ]", true),
            ("exit 3", false),
        ] {
            let step = Step::Shell(command.to_owned());
            let status = builds.run(&step, folder.path(), &env).await.unwrap();
            assert_eq!(status.success(), is_well);
        }
        assert!(folder.path().join("made").exists());
    }
}
