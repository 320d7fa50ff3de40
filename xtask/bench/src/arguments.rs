use std::path::PathBuf;

use crate::effort::Effort;

pub(crate) const USAGE: &str = include_str!("../usage.txt");

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
