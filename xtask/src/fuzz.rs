use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Done, cargo, root, run, target, works};

/// The longest input, in bytes: whatever is wrong with a parser shows in less.
const MAX_BYTES: u32 = 512;

/// The longest file of an application, in bytes, where a component, its store and what calls it
/// need their sections.
const MAX_FILE_BYTES: u32 = 1536;

/// What of an input is kept, in bytes, so that the kept corpora stay small.
const KEPT_BYTES: &str = "-max_len=160";

/// How the fuzzers are run.
struct Order {
    targets: Vec<String>,
    /// How long each of them, in seconds.
    seconds: u32,
    /// Whether what they learnt is kept in the repository.
    keeps: bool,
}

/// Runs the fuzzers of `fuzz/`, one after the other, each for a while. A defect ends it, with the
/// input in `fuzz/artifacts`.
///
/// What they learn is in the target folder, where the next run goes on from it.
pub(crate) fn fuzz(arguments: &[&str]) -> Done {
    let order = Order::read(arguments)?;
    set_up()?;
    for name in &order.targets {
        let learnt = learnt(name);
        create(&learnt)?;
        let mut corpora = vec![learnt.clone(), kept(name)];
        let mut longest = MAX_BYTES;
        if is_application(name) {
            corpora.push(root().join("crates/keywell-config/tests/wadm"));
            longest = MAX_FILE_BYTES;
        }
        let mut fuzzer = fuzzer(name, &corpora);
        fuzzer.args(["--", "-timeout=30", "-rss_limit_mb=2048"]);
        fuzzer.arg(format!("-max_len={longest}"));
        fuzzer.arg("-print_final_stats=1");
        run(fuzzer.arg(format!("-max_total_time={}", order.seconds)))?;
        if order.keeps {
            keep(name, &learnt)?;
        }
    }
    Ok(())
}

// === impl Order ===

impl Order {
    fn read(arguments: &[&str]) -> Done<Self> {
        let all = targets()?;
        let mut order = Self {
            targets: Vec::new(),
            seconds: 30,
            keeps: false,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match *argument {
                "--keep" => order.keeps = true,
                "--seconds" => {
                    let seconds = arguments.next().and_then(|seconds| seconds.parse().ok());
                    // Zero would be for ever.
                    let seconds = seconds.filter(|seconds| *seconds > 0);
                    order.seconds = seconds.ok_or("--seconds wants a whole number above zero")?;
                }
                name if all.iter().any(|known| known == name) => order.targets.push(name.into()),
                other => {
                    let all = all.join(", ");
                    return Err(format!(
                        "there is no fuzzer {other}; there is {all}, and there are the options \
                         --seconds N and --keep"
                    ));
                }
            }
        }
        if order.targets.is_empty() {
            order.targets = all;
        }
        Ok(order)
    }
}

/// The fuzzers' names, in order.
fn targets() -> Done<Vec<String>> {
    let folder = root().join("fuzz/fuzz_targets");
    let cannot = |error| format!("{}: {error}", folder.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if let Some(name) = path.file_stem() {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Installs what is missing, or says what to install.
fn set_up() -> Done {
    if !works(Command::new("c++").arg("--version")) {
        let problem = "libFuzzer is written in C++, and there is no compiler c++ on the PATH; \
                       install one, such as Debian's package g++";
        return Err(problem.into());
    }
    if works(cargo().args(["fuzz", "--version"])) {
        return Ok(());
    }
    run(cargo().args(["install", "cargo-fuzz", "--locked"]))
}

/// A fuzzer, as it works with the stable compiler: counting what is reached needs nothing of a
/// nightly one, and sanitizers, which do, look for what code without `unsafe` does not have.
fn fuzzer<'a>(name: &str, corpora: impl IntoIterator<Item = &'a PathBuf>) -> Command {
    let mut fuzzer = cargo();
    fuzzer.args(["fuzz", "run", "--sanitizer", "none"]);
    fuzzer.args(["--features", "libfuzzer", name]).args(corpora);
    fuzzer
}

/// Puts the smallest part of what was learnt that reaches as much in place of what was kept.
fn keep(name: &str, learnt: &Path) -> Done {
    let (kept, chosen) = (kept(name), learnt.with_extension("chosen"));
    remove(&chosen)?;
    create(&chosen)?;
    let mut merge = fuzzer(name, [&chosen, &kept, &learnt.to_owned()]);
    run(merge.args(["--", "-set_cover_merge=1", "-use_counters=0", KEPT_BYTES]))?;
    remove(&kept)?;
    create(&kept)?;
    for entry in std::fs::read_dir(&chosen).map_err(|error| cannot(&chosen, &error))? {
        let file = entry.map_err(|error| cannot(&chosen, &error))?;
        let to = kept.join(file.file_name());
        std::fs::copy(file.path(), &to).map_err(|error| cannot(&to, &error))?;
    }
    Ok(())
}

/// Whether a fuzzer reads files of applications, of which the tests of their readers have many.
fn is_application(name: &str) -> bool {
    matches!(name, "plans" | "wadm")
}

fn kept(name: &str) -> PathBuf {
    root().join("fuzz/corpus").join(name)
}

fn learnt(name: &str) -> PathBuf {
    target().join("fuzz-corpus").join(name)
}

fn create(folder: &Path) -> Done {
    std::fs::create_dir_all(folder).map_err(|error| cannot(folder, &error))
}

fn remove(folder: &Path) -> Done {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(cannot(folder, &error)),
        _ => Ok(()),
    }
}

fn cannot(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
