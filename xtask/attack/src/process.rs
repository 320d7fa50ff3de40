//! The program, running.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};

use crate::context::guest;
use crate::http::{self, Response};
use crate::{Context, Done};

/// How long anything may take before an attack gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// How often something is looked at that does not say when it changes.
pub(crate) const LOOK: Duration = Duration::from_millis(20);

/// A `keywell serve` that is to be started.
pub(crate) struct Starting<'a> {
    context: &'a Context,
    guest: String,
    store: OsString,
    prelude: Vec<String>,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    is_unread: bool,
}

/// A program that runs, and ends with this value.
pub(crate) struct Process {
    /// Where each HTTP trigger listens.
    pub(crate) addresses: Vec<String>,
    child: Child,
    printed: Arc<Mutex<Vec<u8>>>,
    logged: Arc<Mutex<Vec<u8>>>,
    /// Outputs that are kept open, and not read.
    unread: Option<(BufReader<ChildStdout>, ChildStderr)>,
}

// === impl Context ===

impl Context {
    /// A `keywell serve` of a guest, on a memory store unless arguments name another.
    pub(crate) fn serve(&self, guest: &str) -> Starting<'_> {
        Starting::new(self, guest)
    }
}

// === impl Starting ===

impl<'a> Starting<'a> {
    fn new(context: &'a Context, guest: &str) -> Self {
        Self {
            context,
            guest: guest.to_owned(),
            store: "memory:".into(),
            prelude: Vec::new(),
            arguments: Vec::new(),
            variables: Vec::new(),
            is_unread: false,
        }
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        let arguments = arguments.into_iter();
        self.arguments
            .extend(arguments.map(|argument| argument.as_ref().to_owned()));
        self
    }

    pub(crate) fn store(mut self, store: impl AsRef<OsStr>) -> Self {
        store.as_ref().clone_into(&mut self.store);
        self
    }

    pub(crate) fn disk(self, folder: &Path) -> Self {
        let mut store = OsString::from("disk:");
        store.push(folder);
        self.store(store)
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.variables
            .push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// A shell command that is run before the program in the same process.
    pub(crate) fn behind(mut self, command: &str) -> Self {
        self.prelude.push(command.to_owned());
        self
    }

    /// Leaves both outputs unread.
    pub(crate) fn unread(mut self) -> Self {
        self.is_unread = true;
        self
    }

    pub(crate) fn command(&self) -> Done<Command> {
        let prelude: Vec<&str> = self.prelude.iter().map(String::as_str).collect();
        let mut command = self.context.keywell_behind(&prelude);
        command
            .arg("serve")
            .arg(guest(&self.guest)?)
            .args(["--addr", "127.0.0.1:0", "--store"])
            .arg(&self.store)
            .args(&self.arguments)
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }

    /// Starts it, and waits until it listens.
    pub(crate) fn start(&self) -> Done<Process> {
        Process::start(&mut self.command()?, 1, self.is_unread)
    }
}

// === impl Process ===

impl Process {
    /// Starts a command that says so many lines once it is ready.
    pub(crate) fn start(command: &mut Command, lines: usize, is_unread: bool) -> Done<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("standard output is piped")?;
        let mut stdout = BufReader::new(stdout);
        let stderr = child.stderr.take().ok_or("standard error is piped")?;
        let mut process = Self {
            addresses: Vec::new(),
            child,
            printed: Arc::default(),
            logged: Arc::default(),
            unread: None,
        };
        let mut held = None;
        if is_unread {
            held = Some(stderr);
        } else {
            gather(stderr, process.logged.clone());
        }
        for _ in 0..lines {
            let mut line = String::new();
            if stdout.read_line(&mut line)? == 0 {
                let status = process.child.wait()?;
                return Err(format!("the program ended, {status}: {}", process.logged()).into());
            }
            let address = line.split("http://").nth(1);
            let address = address.and_then(|rest| rest.split(' ').next());
            process
                .addresses
                .extend(address.map(|text| text.trim().to_owned()));
        }
        match held {
            Some(stderr) => process.unread = Some((stdout, stderr)),
            None => gather(stdout, process.printed.clone()),
        }
        Ok(process)
    }

    /// Where the first HTTP trigger listens.
    pub(crate) fn address(&self) -> &str {
        self.addresses.first().map_or("", String::as_str)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn get(&self, path: &str) -> Done<Response> {
        http::get(self.address(), path, PATIENCE)
    }

    /// How long a client that comes now waits for a good answer; none past a time.
    pub(crate) fn answers(&self, path: &str, within: Duration) -> Option<Duration> {
        let began = Instant::now();
        let response = http::get(self.address(), path, within).ok()?;
        (response.status == 200).then(|| began.elapsed())
    }

    /// What it has printed so far.
    pub(crate) fn printed(&self) -> String {
        String::from_utf8_lossy(&self.printed.lock()).into_owned()
    }

    /// What it has logged so far.
    pub(crate) fn logged(&self) -> String {
        String::from_utf8_lossy(&self.logged.lock()).into_owned()
    }

    /// Waits until a condition holds; whether it did within a time.
    pub(crate) fn until(within: Duration, mut is_so: impl FnMut() -> bool) -> bool {
        let end = Instant::now() + within;
        while !is_so() {
            if Instant::now() > end {
                return false;
            }
            rest(LOOK);
        }
        true
    }

    pub(crate) fn signal(&self, signal: Signal) -> Done {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    /// Whether it runs still.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// How it ends by itself; none past a time.
    pub(crate) fn ends(&mut self, within: Duration) -> Option<ExitStatus> {
        let mut status = None;
        Self::until(within, || {
            status = self.child.try_wait().ok().flatten();
            status.is_some()
        });
        status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Lets a moment pass: in a client that is slow, and between two looks at something that does not
/// say when it changes.
#[expect(
    clippy::disallowed_methods,
    reason = "there is no event, and no runtime's thread"
)]
pub(crate) fn rest(moment: Duration) {
    std::thread::sleep(moment);
}

/// Reads a stream to its end into a buffer.
fn gather(mut stream: impl Read + Send + 'static, into: Arc<Mutex<Vec<u8>>>) {
    std::thread::spawn(move || {
        let mut buffer = [0; 16 << 10];
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            into.lock().extend_from_slice(&buffer[..length]);
        }
    });
}

/// How a command that ends by itself ended, with all that it wrote to both outputs; it is killed
/// past a time.
pub(crate) fn ended(command: &mut Command, within: Duration) -> Done<Ended> {
    let mut process = Process::start(command, 0, false)?;
    let status = process.ends(within);
    if status.is_none() {
        process.child.kill()?;
        process.child.wait()?;
    }
    // The pipes end with the process; what reads them may be a moment behind.
    let (printed, logged) = (process.printed.clone(), process.logged.clone());
    Process::until(PATIENCE, || {
        Arc::strong_count(&printed) == 2 && Arc::strong_count(&logged) == 2
    });
    Ok(Ended {
        status,
        printed: process.printed(),
        logged: process.logged(),
    })
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// None if it had to be killed.
    pub(crate) status: Option<ExitStatus>,
    pub(crate) printed: String,
    pub(crate) logged: String,
}

// === impl Ended ===

impl Ended {
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.and_then(|status| status.code())
    }
}
