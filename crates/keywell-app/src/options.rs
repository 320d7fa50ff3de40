use std::path::PathBuf;

use keywell_runtime::CompilationListener;
use keywell_runtime::output::Output;

/// What an application takes from the process that it runs in, besides its plan.
#[derive(Clone, Debug, Default)]
pub struct AppOptions {
    /// Where compiled components are kept, as [`Options::cache`](keywell_runtime::Options::cache);
    /// `None` compiles at every start.
    pub cache: Option<PathBuf>,
    /// Where processes that share the events of watch triggers show each other that they live, as
    /// [`WatchOptions::members`](keywell_runtime::watch::WatchOptions::members).
    pub members: Option<PathBuf>,
    /// How other processes of the same user may reach the application; `None`: not at all.
    pub control: Option<ControlOptions>,
    /// Where what components print goes: to the process's standard output and error, unless said
    /// otherwise.
    pub output: Output,
    /// What is notified when a large component is compiled, as
    /// [`Options::listener`](keywell_runtime::Options::listener).
    pub listener: CompilationListener,
}

/// How other processes of the same user reach an application: each store on disk by a socket in its
/// folder, and what runs by another one.
#[derive(Clone, Debug, Default)]
pub struct ControlOptions {
    /// The folder of the sockets by which processes are found, which is created where it is missing.
    pub processes: Option<PathBuf>,
}
