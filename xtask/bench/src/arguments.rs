use std::path::PathBuf;

use crate::effort::Effort;

pub(crate) const USAGE: &str = "\
cargo xtask bench [GROUP...] [--rounds N] [--quick | --full] [--into FOLDER] [--against FILE]
cargo xtask bench --write [--rounds N] [--full] [--against FILE]

  host     calls of a guest into the host, memory store; beside raw host functions and wasmtime-wasi-keyvalue
  values   how these grow with the size of the value
  http     the counter over HTTP, closed and open loop, and as connections grow; beside native hyper, and
           `wasmtime serve` if wasmtime 48 is on the PATH
  disk     the disk store beside redb, and as keys grow
  start    from the start of `keywell serve` to its first answer
  idle     what an idle instance keeps in memory
  redis    the Redis store beside redis-benchmark, and its watches beside a bare subscriber

  --rounds N      how often each pair is measured; the median ratio counts (default 5)
  --quick         see whether everything works, in seconds; the figures mean nothing
  --full          up to 10^7 keys on disk instead of 10^6
  --into FOLDER   write benchmarks.md, its plots and benchmarks.json, which holds every round, there
  --against FILE  print what changed since a file of an earlier run, such as docs/benchmarks.json
  --write         the same into docs, where all groups have to be measured
";

/// What the program is asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Arguments {
    /// None for all.
    pub(crate) groups: Vec<String>,
    pub(crate) effort: Effort,
    /// Write into the documentation.
    pub(crate) write: bool,
    pub(crate) into: Option<PathBuf>,
    pub(crate) against: Option<PathBuf>,
}

// === impl Arguments ===

impl Arguments {
    /// None where they are wrong.
    pub(crate) fn parse(arguments: &[String], known: &[&str]) -> Option<Self> {
        let mut parsed = Self {
            groups: Vec::new(),
            effort: Effort::USUAL,
            write: false,
            into: None,
            against: None,
        };
        let (mut rounds, mut quick, mut full) = (None, false, false);
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--write" => parsed.write = true,
                "--quick" => quick = true,
                "--full" => full = true,
                "--rounds" => rounds = Some(arguments.next()?.parse().ok().filter(|n| *n > 0)?),
                "--into" => parsed.into = Some(arguments.next()?.into()),
                "--against" => parsed.against = Some(arguments.next()?.into()),
                group if known.contains(&group) => parsed.groups.push(argument.clone()),
                _ => return None,
            }
        }
        // The page is of one run and of all groups, and worth reading.
        if (quick && full) || (parsed.write && (quick || !parsed.groups.is_empty())) {
            return None;
        }
        if quick {
            parsed.effort = Effort::QUICK;
        }
        if full {
            parsed.effort = Effort::FULL;
        }
        parsed.effort.rounds = rounds.unwrap_or(parsed.effort.rounds);
        Some(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Option<Arguments> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Arguments::parse(&arguments, &["host", "disk"])
    }

    #[test]
    fn groups_and_effort_are_read() {
        let parsed = parse("disk --full --rounds 3 --into a").unwrap();
        assert_eq!(parsed.groups, ["disk"]);
        assert_eq!((parsed.effort.keys, parsed.effort.rounds), (10_000_000, 3));
        assert_eq!(parsed.into, Some("a".into()));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "nothing",
            "--rounds 0",
            "--rounds",
            "--into",
            "--quick --full",
            "--write --quick",
            "--write host",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
