use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use wasmtime::component::Component;

use crate::exports::exports;

/// Why a component cannot be run, for its operator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the component {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is something else.
    #[error("{path} is not a WebAssembly component: it does not begin as WebAssembly does")]
    NotWasm {
        /// The file.
        path: PathBuf,
    },
    /// The file is a core module that cannot be made a component.
    #[error(
        "{path} is a core WebAssembly module, and cannot be made a component: {reason}; build it \
         for the target wasm32-wasip2"
    )]
    CoreModule {
        /// The file.
        path: PathBuf,
        /// What is in the way.
        reason: String,
    },
    /// The file begins as a component does, and is damaged or uses what this engine does not know.
    #[error("{path} is not a valid component: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The engine's reason.
        reason: String,
    },
    /// A folder that the component has cannot be opened.
    #[error("cannot give the component the folder {path}: {source}")]
    Dir {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The component is valid, and needs what the engine does not have yet.
    #[error("{path} needs {needs}, which the engine of this version does not have yet")]
    Unready {
        /// The file.
        path: PathBuf,
        /// What it needs.
        needs: String,
    },
    /// The component imports what Keywell does not offer.
    #[error("the component imports what Keywell does not offer:{}", Missing::lines(.0))]
    Missing(Vec<Missing>),
    /// A worker cannot have what the component imports, because it cannot be recorded.
    #[error("a worker cannot have what the component imports:{}", Missing::lines(.0))]
    Unrecorded(Vec<Missing>),
    /// Workers have one task.
    #[error(
        "it cannot run as a worker, because it is asynchronous (WASI 0.3), and such calls are not \
         recorded; build it for WASI 0.2"
    )]
    Asynchronous,
    /// What the configuration grants the component is nothing that a worker has.
    #[error("a worker has no {0}; grant the component none, or run it by another trigger")]
    Ungranted(&'static str),
    /// The component exports the interface for snapshots of workers, in another shape.
    #[error(
        "the component exports keywell:worker/snapshot with other functions than \
         `save: func() -> list<u8>` and `load: func(state: list<u8>) -> result<_, string>`"
    )]
    Snapshot,
    /// The component imports an interface that is offered, in a shape that is not.
    #[error("the component's imports do not fit what Keywell offers: {0}")]
    Mismatch(String),
    /// Another component cannot answer an import of this one.
    #[error("it cannot call the component {callee} by {interface}: {problem}")]
    Unanswered {
        /// The other component.
        callee: String,
        /// The import.
        interface: String,
        /// What the other component has in its place, and what to do.
        problem: String,
    },
    /// Calls go through more components than the runtime has instances for.
    #[error("a call goes through {chain} components, and the runtime has room for {most}")]
    Chain {
        /// How many components it goes through.
        chain: u32,
        /// [`Options::chain`](crate::Options::chain).
        most: u32,
    },
    /// The component does not export what its trigger calls.
    #[error("the component exports no {wanted}, which {caller} calls; it exports {has}")]
    NoExport {
        /// The interface that is called.
        wanted: &'static str,
        /// What calls it.
        caller: &'static str,
        /// What the component has instead.
        has: String,
    },
    /// A name in the list of offered functions matches none that can be called.
    #[error(transparent)]
    NotOffered(#[from] crate::invoke::NotOffered),
    /// The component needs more tables or memory to start than an instance may have, or has more
    /// components within it than it may.
    #[error("the component cannot be started: {0}")]
    TooLarge(String),
    /// The engine cannot be made as the options ask.
    #[error("cannot set up the engine: {0}")]
    Engine(String),
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}: {source}; choose another address")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// An address cannot be encrypted with the certificate and the key that are given.
    #[error(transparent)]
    Tls(#[from] keywell_client::TlsError),
    /// A watch trigger cannot start or continue.
    #[error("the trigger {trigger:?} {problem}")]
    Watch {
        /// The trigger's name.
        trigger: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// The journals of workers cannot be opened.
    #[error("cannot keep workers: {0}")]
    Journal(#[from] Box<keywell_journal::Error>),
    /// A command trapped or ran out of time.
    #[error("the component failed: {0}")]
    Failed(String),
}

/// An import that is not offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The import, as the component writes it.
    pub import: String,
    /// What would offer it, or what is offered in its place.
    pub hint: String,
}

// === impl Error ===

impl Error {
    /// That a component does not export what its trigger calls, with what it exports.
    pub fn no_export(wanted: &'static str, caller: &'static str, component: &Component) -> Self {
        const OF_OLD_SDK: &str = "fermyon:spin/inbound-http";
        let names = exports(component);
        let mut has = match names.join(", ") {
            none if none.is_empty() => "nothing".to_owned(),
            names => names,
        };
        if names.iter().any(|name| name == OF_OLD_SDK) {
            has += "; build it with Spin's SDK 5 or later, which exports wasi:http";
        } else if let Some(instead) = instead(wanted, &names, component) {
            has += "; ";
            has += instead;
        }
        Self::NoExport {
            wanted,
            caller,
            has,
        }
    }
}

/// What calls a component that exports these, and not what was wanted.
fn instead(wanted: &str, names: &[String], component: &Component) -> Option<&'static str> {
    const CALLED: [(&str, &str); 5] = [
        (
            "wasi:http/incoming-handler@",
            "serve it by `keywell serve`, or a [[trigger.http]]",
        ),
        (
            "wasi:http/handler@",
            "serve it by `keywell serve`, or a [[trigger.http]]",
        ),
        (
            "wasi:keyvalue/watcher@",
            "call it when keys change by `keywell serve --watch`, or a [[trigger.watch]]",
        ),
        (
            "wasi:keyvalue/handle-watch",
            "call it when keys change by `keywell serve --watch`, or a [[trigger.watch]]",
        ),
        (
            "wasi:cli/run@",
            "start it by `keywell run`, or a [[trigger.command]]",
        ),
    ];
    let package = |name: &str| name.split('/').next().map(str::to_owned);
    let called = CALLED.iter().find(|(export, _)| {
        // Another version of what was wanted is of no use.
        let is_other = package(export) != package(wanted);
        is_other && names.iter().any(|name| name.starts_with(export))
    });
    called.map(|(_, by)| *by).or_else(|| {
        let functions = crate::invoke::Functions::of(component);
        let mut functions = functions.iter();
        functions
            .any(|function| function.check().is_ok())
            .then_some("call its functions by `keywell invoke`, or a [[trigger.invoke]]")
    })
}

// === impl Missing ===

impl Missing {
    fn lines(missing: &[Self]) -> String {
        missing
            .iter()
            .flat_map(|missing| ["\n  ".to_owned(), missing.to_string()])
            .collect()
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.import, self.hint)
    }
}
