//! Measures Keywell beside peers and floors in the same run, and prints a table of ratios.
//!
//! `cargo xtask bench` builds what it needs and starts it.

#![forbid(unsafe_code)]
#![allow(clippy::cast_precision_loss, reason = "figures are for people")]

mod disk;
mod host;
mod http;
mod load;
mod measure;
mod native;
mod start;
mod table;

// The program's own allocator, for its peers and floors too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use std::path::PathBuf;
use std::process::ExitCode;

use table::{Row, Table};

/// What went wrong, for the person at the terminal.
type Done<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const USAGE: &str = "\
cargo xtask bench [GROUP...] [--rounds N] [--write]

  host    calls of a guest into the host, memory store
  http    the counter over HTTP; beside `wasmtime serve` if wasmtime 48 is on the PATH
  disk    the disk store beside redb
  start   from the start of `keywell serve` to its first answer

  --rounds N   how often each pair is measured; the median ratio counts (default 5)
  --write      write the table to docs/benchmarks.md
";

struct Arguments {
    groups: Vec<String>,
    rounds: usize,
    write: bool,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments
        .first()
        .is_some_and(|first| first == native::ARGUMENT)
    {
        native::serve();
        return ExitCode::SUCCESS;
    }
    let Some(arguments) = Arguments::parse(arguments) else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    match measure_all(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure_all(arguments: &Arguments) -> Done {
    type Group = fn(usize) -> Done<Vec<Row>>;
    let groups: [(&str, Group); 4] = [
        ("host", host::rows),
        ("http", http::rows),
        ("disk", disk::rows),
        ("start", start::rows),
    ];
    let mut table = Table::default();
    for (name, rows) in groups {
        if arguments.groups.is_empty() || arguments.groups.iter().any(|group| group == name) {
            eprintln!("measuring {name} ...");
            table.extend(rows(arguments.rounds)?);
        }
    }
    print!("{}", table.text());
    if arguments.write {
        let path = root().join("docs/benchmarks.md");
        std::fs::write(&path, table.page(arguments.rounds))?;
        eprintln!("written to {}", path.display());
    }
    Ok(())
}

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A guest's file.
fn guest(name: &str) -> PathBuf {
    root()
        .join("guests/target/wasm32-wasip2/release")
        .join(name)
        .with_extension("wasm")
}

/// The program, as built beside this one.
fn keywell() -> Done<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("keywell"))
}

// === impl Arguments ===

impl Arguments {
    fn parse(arguments: Vec<String>) -> Option<Self> {
        let mut parsed = Self {
            groups: Vec::new(),
            rounds: 5,
            write: false,
        };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--write" => parsed.write = true,
                "--rounds" => parsed.rounds = arguments.next()?.parse().ok().filter(|n| *n > 0)?,
                "host" | "http" | "disk" | "start" => parsed.groups.push(argument),
                _ => return None,
            }
        }
        Some(parsed)
    }
}
