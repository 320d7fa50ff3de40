//! Attacks by way of standard output and standard error.

use std::io::{self, Write as _};

/// Prints so many bytes in lines of 100 to each output.
pub fn flood(bytes: u64) -> String {
    let line = "x".repeat(99) + "\n";
    let block = line.repeat(40);
    let (mut stdout, mut stderr) = (io::stdout().lock(), io::stderr().lock());
    let mut printed = 0;
    while printed < bytes {
        let written = stdout
            .write_all(block.as_bytes())
            .and_then(|()| stderr.write_all(block.as_bytes()));
        if let Err(error) = written {
            return format!("made {printed}, {error}");
        }
        printed += block.len() as u64;
    }
    format!("made {printed}")
}

pub fn print(text: &str) -> String {
    println!("{text}");
    eprintln!("{text}");
    "printed".into()
}
