use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use keywell_state::{Key, Secrets, State};
use keywell_system::folders;

use crate::cli::failed::Failed;

/// Where named configuration and secrets are.
#[derive(Args, Clone, Default)]
pub(super) struct StateArguments {
    /// The state folder, with named configuration and secrets. [default: `$XDG_STATE_HOME/keywell`,
    /// or `~/.local/state/keywell`]
    #[arg(
        long,
        value_name = "FOLDER",
        env = "KEYWELL_STATE",
        hide_env_values = true
    )]
    // As a path, clap would refuse a variable that is empty.
    state: Option<OsString>,
}

/// The variable that has a key for secrets other than that of the state folder.
const KEY: &str = "KEYWELL_SECRETS_KEY";

// === impl StateArguments ===

impl StateArguments {
    /// The folder, which need not be there; none where the environment names none.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        let given = self.state.clone().filter(|folder| !folder.is_empty());
        given.map(PathBuf::from).or_else(folders::state)
    }

    /// The state folder, which need not be there.
    pub(super) fn state(&self) -> Result<State, Failed> {
        let folder = self.folder().ok_or_else(|| {
            let problem = "there is no state folder: set KEYWELL_STATE, or HOME";
            Failed::Usage(problem.to_owned())
        })?;
        Ok(State::new(folder))
    }

    /// The secrets, with the key that the environment has, or else that of the folder.
    pub(super) fn secrets(&self) -> Result<Secrets, Failed> {
        Ok(self.state()?.secrets(key()?))
    }
}

/// `KEYWELL_STATE`, else the user's state folder, where the platform's rules put it.
pub(super) fn folder() -> Option<PathBuf> {
    let given = std::env::var_os("KEYWELL_STATE").filter(|given| !given.is_empty());
    given.map(PathBuf::from).or_else(folders::state)
}

/// The sockets of the processes that run.
pub(super) fn processes(state: &Path) -> PathBuf {
    state.join("processes")
}

fn key() -> Result<Option<Key>, Failed> {
    let Some(text) = std::env::var_os(KEY).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    // What is no UTF-8 is no key.
    let key = Key::parse(text.to_str().unwrap_or_default());
    let key = key.map_err(|error| Failed::Usage(format!("{KEY}: {error}")))?;
    Ok(Some(key))
}

impl From<keywell_state::Error> for Failed {
    fn from(error: keywell_state::Error) -> Self {
        if error.is_refusal() {
            Self::Usage(error.to_string())
        } else {
            Self::Failure(error.to_string())
        }
    }
}
