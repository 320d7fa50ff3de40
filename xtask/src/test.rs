use std::time::Instant;

use crate::process::{Done, cargo, run, works};
use crate::{languages, setup, stores, systems};

/// What is compiled, the same for clippy, for all tests and for the table of conformance: else Cargo
/// would compile the workspace once for each.
pub(crate) const ALL: [&str; 3] = ["--workspace", "--features", "keywell/all-stores"];

/// Runs every check and every test, after setting up what they need. `KEYWELL_TEST_STORES` names
/// the stores whose tests run, instead of all. On other systems than Linux, it runs the tests that
/// are for every system.
pub(crate) fn test() -> Done {
    if !cfg!(target_os = "linux") {
        return systems::test_here();
    }
    let started = Instant::now();
    setup::target()?;
    let chosen = stores::chosen()?;
    chosen.servers()?;
    let guests = ["--manifest-path", "guests/Cargo.toml"];

    run(cargo().args(["fmt", "--all", "--check"]))?;
    run(cargo().args(["fmt", "--all", "--check"]).args(guests))?;
    let examples = ["--manifest-path", "examples/languages/rust/Cargo.toml"];
    run(cargo().args(["fmt", "--all", "--check"]).args(examples))?;
    setup::guests()?;
    let untested = languages::for_tests()?;
    let clippy = ["clippy", "--locked", "--all-targets"];
    run(cargo()
        .args(clippy)
        .args(ALL)
        .args(["--", "-D", "warnings"]))?;
    let guests_clippy = ["clippy", "--locked", "--release", "--workspace"];
    run(setup::guests_cargo()
        .args(guests_clippy)
        .args(guests)
        .args(["--", "-D", "warnings"]))?;
    // The library as an embedder takes it: without the program, without a store it did not ask for.
    let bare = [
        "check",
        "--locked",
        "-p",
        "keywell",
        "--lib",
        "--no-default-features",
    ];
    run(cargo().args(bare))?;
    systems::check()?;
    deny()?;

    if works(cargo().args(["nextest", "--version"])) {
        let mut nextest = cargo();
        nextest.args(["nextest", "run", "--locked"]).args(ALL);
        // Most tests wait: for servers, for time to pass, for other processes.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        nextest.arg("--test-threads").arg((2 * cores).to_string());
        // One run names all that fails.
        nextest.arg("--no-fail-fast");
        run(nextest.args(chosen.filter()))?;
    } else if chosen.is_all() {
        // Not `--all-targets`, which would run the benchmarks.
        let test = ["test", "--locked", "--lib", "--bins", "--tests"];
        run(cargo().args(test).args(ALL))?;
    } else {
        return Err(format!("{} needs cargo-nextest", stores::CHOSEN));
    }
    run(cargo().args(["test", "--locked", "--doc"]).args(ALL))?;
    let seconds = started.elapsed().as_secs();
    eprintln!("\nall passed in {seconds} s{}", chosen.left_out());
    if !untested.is_empty() {
        eprintln!("without the components in {}", untested.join(", "));
    }
    Ok(())
}

/// Licences and sources always, advisories where their database can be fetched.
fn deny() -> Done {
    if !works(cargo().args(["deny", "--version"])) {
        eprintln!("\ncargo-deny is not installed, so licences and advisories are not checked");
        return Ok(());
    }
    let check = ["deny", "--all-features", "check", "--hide-inclusion-graph"];
    run(cargo().args(check).args(["bans", "licenses", "sources"]))?;
    if works(cargo().args(["deny", "fetch", "db"])) {
        return run(cargo().args(check).arg("advisories"));
    }
    eprintln!("\nthe database of advisories cannot be fetched, so advisories are not checked");
    Ok(())
}
