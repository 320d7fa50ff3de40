//! Attacks the program, and prints a table: attempt, bound, seen, held.
//!
//! `cargo xtask attack` builds what it needs and starts it.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use keywell_attack::{ATTACKS, Attack, Context};

const USAGE: &str = include_str!("../usage.txt");

/// What is asked for.
struct Arguments {
    is_long: bool,
    program: PathBuf,
    names: Vec<String>,
}

fn main() -> ExitCode {
    let Some(arguments) = Arguments::parse(std::env::args().skip(1)) else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    let chosen: Vec<&Attack> = ATTACKS.iter().filter(|one| arguments.has(one)).collect();
    if chosen.is_empty() {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    }
    let folder = std::env::temp_dir().join("keywell-attack");
    let context = Context::new(&arguments.program, folder, arguments.is_long);
    println!("| Attempt | Bound | Seen | Held |\n|---|---|---|---|");
    let mut all_held = true;
    for attack in chosen {
        let (group, name) = (attack.group, attack.name.replace('_', " "));
        eprintln!("trying {}::{} ...", attack.group, attack.name);
        let began = Instant::now();
        let tried = attack
            .run(&context)
            .inspect(|seen| eprintln!("{seen}; {:.1} s", began.elapsed().as_secs_f64()));
        let (bound, seen, held) = match tried {
            Ok(seen) => (seen.bound, seen.seen, if seen.held { "yes" } else { "NO" }),
            Err(error) => (String::new(), error.to_string(), "not tried"),
        };
        all_held &= held == "yes";
        // A cell is one line.
        let seen = seen
            .replace('|', "\\|")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        println!("| {group}: {name} | {bound} | {seen} | {held} |");
    }
    if all_held {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

// === impl Arguments ===

impl Arguments {
    /// None where they are wrong.
    fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let program = std::env::current_exe().ok()?.with_file_name("keywell");
        let mut parsed = Self {
            is_long: false,
            program,
            names: Vec::new(),
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--long" => parsed.is_long = true,
                "--program" => parsed.program = arguments.next()?.into(),
                name if ATTACKS.iter().any(|one| is_called(one, name)) => {
                    parsed.names.push(argument);
                }
                _ => return None,
            }
        }
        Some(parsed)
    }

    /// Whether an attack is asked for.
    fn has(&self, attack: &Attack) -> bool {
        if self.names.is_empty() {
            return self.is_long || !attack.is_long;
        }
        self.names.iter().any(|name| is_called(attack, name))
    }
}

fn is_called(attack: &Attack, name: &str) -> bool {
    name == attack.group || name.split_once("::") == Some((attack.group, attack.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Option<Arguments> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn groups_and_attacks_are_names() {
        let parsed =
            parse("clients http2::rapid_reset --long --program a").expect("they are known");
        assert!(parsed.is_long);
        assert_eq!(parsed.program, PathBuf::from("a"));
        let chosen = ATTACKS.iter().filter(|attack| parsed.has(attack));
        let groups: Vec<&str> = chosen.map(|attack| attack.group).collect();
        assert!(groups.contains(&"clients"));
        assert_eq!(groups.iter().filter(|group| **group == "http2").count(), 1);
    }

    #[test]
    fn long_attacks_are_for_the_long_form() {
        let (short, long) = (parse("").expect("all"), parse("--long").expect("all"));
        let count = |arguments: &Arguments| ATTACKS.iter().filter(|one| arguments.has(one)).count();
        assert_eq!(count(&long), ATTACKS.len());
        assert!(count(&short) < ATTACKS.len());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in ["nothing", "clients::nothing", "--program", "--short"] {
            assert!(parse(line).is_none(), "{line}");
        }
    }
}
