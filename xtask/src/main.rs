//! `cargo xtask`: sets up, demonstrates, tests and measures Keywell.

#![forbid(unsafe_code)]

mod alerts;
mod attack;
mod bench;
mod build;
#[cfg(test)]
mod circles;
mod cluster_demo;
mod conformance_table;
mod demo;
mod fuzz;
mod languages;
#[cfg(test)]
mod map;
mod process;
mod server;
mod setup;
mod soak;
mod steps;
mod stores;
mod systems;
mod test;
mod watch_demo;
mod worker_demo;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask COMMAND

  demo [--once]     build what it needs, serve the counter on disk, send three requests, and keep serving
                    (--once ends after the requests)
  demo --watch [--once] [--store URL]
                    build what it needs, start a Redis (or use the one at URL), change the keys foo, visits and
                    \"café & b\" with redis-cli, and show the alerts that a component sends for them
  demo --cluster [--once] [--program PATH]
                    build what it needs (or run this keywell), start a NATS server and three processes that serve
                    the counter on one replicated cache, send requests to all, kill one, cut one off, heal, and
                    show that their counts are equal
  demo --worker [--once] [--program PATH]
                    build what it needs (or run this keywell), put items into a cart that a component keeps in its
                    variables, kill the process, and show the cart and its journal
  alerts [ADDRESS]  print HTTP requests to an address, 127.0.0.1:3001 by default
  test              install what is missing, then run every check and every test; with KEYWELL_TEST_STORES=memory,disk
                    only those that need no other store; on macOS and Windows the tests that are for every system
  guests            build the example and test components from source
  languages         install toolchains of JavaScript, Python, C and Go into target/languages, and build the
                    components of examples/languages
  bench [ARGUMENTS] measure, beside peers and floors in the same run; --help lists its arguments
  attack [--long] [--program PATH] [NAME...]
                    attack the program as hostile clients, components, neighbours and servers do, and print a
                    table of bounds and measured costs; a NAME is a group or an attack; --help says more
  conformance-table run the suite for hosts on Keywell, and on wasmtime 48 if that is on the PATH, and that for
                    stores on every store, and write the results to docs/conformance.md
  fuzz [TARGET] [--seconds N] [--keep]
                    run all fuzzers or one, each for N seconds (30); --keep puts a minimized corpus into fuzz/corpus
  systems           check what compiles for Windows and macOS, without linking it; `test` does so, too
  soak              run the fault tests of `test` with many more crash points and kills, simulate replicated
                    caches with many more seeds, and reload under 1,000,000 requests
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["demo"] => demo::demo(demo::Then::ServeOn),
        ["demo", "--once"] => demo::demo(demo::Then::End),
        ["demo", "--watch", ref rest @ ..] => match *rest {
            [] => watch_demo::watch_demo(demo::Then::ServeOn, None),
            ["--once"] => watch_demo::watch_demo(demo::Then::End, None),
            ["--store", url] => watch_demo::watch_demo(demo::Then::ServeOn, Some(url)),
            ["--once", "--store", url] | ["--store", url, "--once"] => {
                watch_demo::watch_demo(demo::Then::End, Some(url))
            }
            _ => {
                eprint!("{USAGE}");
                return ExitCode::from(2);
            }
        },
        ["demo", "--cluster", ref rest @ ..] => match *rest {
            [] => cluster_demo::cluster_demo(demo::Then::ServeOn, None),
            ["--once"] => cluster_demo::cluster_demo(demo::Then::End, None),
            ["--program", program] => {
                cluster_demo::cluster_demo(demo::Then::ServeOn, Some(program))
            }
            ["--once", "--program", program] | ["--program", program, "--once"] => {
                cluster_demo::cluster_demo(demo::Then::End, Some(program))
            }
            _ => {
                eprint!("{USAGE}");
                return ExitCode::from(2);
            }
        },
        ["demo", "--worker", ref rest @ ..] => match *rest {
            [] => worker_demo::worker_demo(demo::Then::ServeOn, None),
            ["--once"] => worker_demo::worker_demo(demo::Then::End, None),
            ["--program", program] => worker_demo::worker_demo(demo::Then::ServeOn, Some(program)),
            ["--once", "--program", program] | ["--program", program, "--once"] => {
                worker_demo::worker_demo(demo::Then::End, Some(program))
            }
            _ => {
                eprint!("{USAGE}");
                return ExitCode::from(2);
            }
        },
        ["alerts"] => alerts::alerts(alerts::ADDRESS),
        ["alerts", address] => alerts::alerts(address),
        ["test"] => test::test(),
        ["guests"] => setup::target().and_then(|()| setup::guests()),
        ["languages"] => languages::languages(),
        ["bench", ref rest @ ..] => bench::bench(rest),
        ["attack", ref rest @ ..] => attack::attack(rest),
        ["conformance-table"] => conformance_table::conformance_table(),
        ["fuzz", ref rest @ ..] => fuzz::fuzz(rest),
        ["soak"] => soak::soak(),
        ["systems"] => systems::check(),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("xtask: {failed}");
            ExitCode::FAILURE
        }
    }
}
