use std::io::{self, ErrorKind};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::time::timeout;

use super::credentials::Credentials;

/// The most bytes that a helper may answer.
const MAX_BYTES: u64 = 64 << 10;

/// The program of a helper.
pub(super) fn program(name: &str) -> String {
    format!("docker-credential-{name}")
}

/// Asks a helper for the user and the password of a server, if it has them.
pub(super) async fn ask(
    name: &str,
    server: &str,
    patience: Duration,
) -> Result<Option<Credentials>, String> {
    let program = program(name);
    let answer = match timeout(patience, run(&program, server)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) if error.kind() == ErrorKind::NotFound => {
            return Err(format!("{program} is not on the PATH"));
        }
        Ok(Err(error)) => return Err(format!("{program} failed: {error}")),
        Err(_) => return Err(format!("{program} did not answer within {patience:?}")),
    };
    match answer {
        Ok(answer) => parse(&answer)
            .map(Some)
            .ok_or_else(|| format!("{program} did not answer with a user and a password")),
        // All helpers say so in these words.
        Err(complaint) if complaint.contains("credentials not found") => Ok(None),
        Err(complaint) => Err(format!("{program} failed: {complaint}")),
    }
}

/// What it prints: an answer, or what it complains of.
async fn run(program: &str, server: &str) -> io::Result<Result<String, String>> {
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        match input.write_all(server.as_bytes()).await {
            // It does not have to read.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(error),
            _ => {}
        }
    }
    let mut printed = String::new();
    if let Some(output) = child.stdout.take() {
        output.take(MAX_BYTES).read_to_string(&mut printed).await?;
    }
    let status = child.wait().await?;
    if status.success() {
        return Ok(Ok(printed));
    }
    let complaint = printed.lines().next().unwrap_or_default();
    let complaint: String = complaint.chars().take(200).collect();
    Ok(Err(if complaint.is_empty() {
        status.to_string()
    } else {
        complaint
    }))
}

fn parse(answer: &str) -> Option<Credentials> {
    let answer: Value = serde_json::from_str(answer).ok()?;
    let text = |key: &str| answer[key].as_str().map(str::to_owned);
    match (text("Username")?, text("Secret")?) {
        (user, _) if user.is_empty() => None,
        // What all helpers write in the place of a user.
        (user, token) if user == "<token>" => Some(Credentials::Identity(token)),
        (user, password) => Some(Credentials::Password { user, password }),
    }
}
