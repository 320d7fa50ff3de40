use std::process::Command;

use crate::error::{Error, Result};

/// Runs a program to its end, and returns what it prints.
pub(super) fn tool(command: &mut Command) -> Result<String> {
    let ran = command.output()?;
    if ran.status.success() {
        return Ok(String::from_utf8_lossy(&ran.stdout).into_owned());
    }
    let (out, err) = (&ran.stdout, &ran.stderr);
    Err(Error::Tool {
        command: command.get_program().to_string_lossy().into_owned(),
        output: String::from_utf8_lossy(out).into_owned() + &String::from_utf8_lossy(err),
    })
}
