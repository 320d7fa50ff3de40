//! The counter over HTTP, memory store.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::measure::{Series, Subject, rounds};
use crate::table::{Goal, Row};
use crate::{Done, guest, keywell, load, native};

const CONNECTIONS: usize = 32;
const TIME: Duration = Duration::from_secs(3);

pub(crate) fn rows(count: usize) -> Done<Vec<Row>> {
    let fresh = Server::keywell(&[])?;
    let reused = Server::keywell(&["--reuse", "1000000"])?;
    let native = Server::native()?;
    let mut rows = Vec::new();
    let [reuse, floor] = rounds(count, [reused.subject(), native.subject()])?;
    rows.push(row(
        "HTTP counter, `--reuse`",
        &reuse,
        "native hyper",
        &floor,
        Goal::AtLeast(0.65),
    ));
    if let Some((stock, tuned)) = Server::wasmtime()? {
        let subjects = [
            fresh.subject(),
            stock.subject(),
            tuned.subject(),
            native.subject(),
        ];
        let [ours, stock, tuned, floor] = rounds(count, subjects)?;
        let what = "HTTP counter, an instance a request";
        let against = "`wasmtime serve -Scli,keyvalue` 48";
        rows.push(row(what, &ours, against, &stock, Goal::AtLeast(3.5)));
        rows.push(row(
            "the same",
            &ours,
            "the same, its pool kept resident",
            &tuned,
            Goal::AtLeast(1.3),
        ));
        rows.push(row("the same", &ours, "native hyper", &floor, Goal::Told));
    } else {
        eprintln!(
            "wasmtime 48 is not on the PATH; to compare: cargo install --locked --version ^48 wasmtime-cli"
        );
        let [ours, floor] = rounds(count, [fresh.subject(), native.subject()])?;
        let what = "HTTP counter, an instance a request";
        rows.push(row(what, &ours, "native hyper", &floor, Goal::Told));
    }
    let resident = |server: &Server| server.resident_mebibytes();
    rows.push(Row {
        what: "resident memory after it, keeping pool slots warm".to_owned(),
        figure: format!("{:.0} MiB", resident(&fresh)),
        against: "native hyper".to_owned(),
        other: format!("{:.0} MiB", resident(&native)),
        ratio: resident(&fresh) / resident(&native),
        goal: Goal::Told,
    });
    Ok(rows)
}

fn row(what: &str, ours: &Series, against: &str, other: &Series, goal: Goal) -> Row {
    Row::of(
        what,
        ours,
        against,
        other,
        |figure| format!("{figure:.0} /s"),
        goal,
    )
}

/// A server that ends with this value.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: String,
}

// === impl Server ===

impl Server {
    pub(crate) fn keywell(arguments: &[&str]) -> Done<Self> {
        let mut command = Command::new(keywell()?);
        command.arg("serve").arg(guest("counter"));
        command
            .args(["--addr", "127.0.0.1:0", "--store", "memory:"])
            .args(arguments);
        Self::announced(command.stdout(Stdio::piped()))
    }

    fn native() -> Done<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        Self::announced(
            command
                .args([native::ARGUMENT, "127.0.0.1:0"])
                .stdout(Stdio::piped()),
        )
    }

    /// As it comes, and with its pool tuned by hand.
    fn wasmtime() -> Done<Option<(Self, Self)>> {
        let version = Command::new("wasmtime").arg("--version").output();
        if !version.is_ok_and(|output| output.stdout.starts_with(b"wasmtime 48.")) {
            return Ok(None);
        }
        let serve = |more: &[&str]| {
            let mut command = Command::new("wasmtime");
            command
                .args(["serve", "-Scli,keyvalue", "--addr", "127.0.0.1:0"])
                .args(more);
            Self::announced(command.arg(guest("counter_draft")).stderr(Stdio::piped()))
        };
        let kept = "pooling-memory-keep-resident=2097152,pooling-table-keep-resident=65536";
        Ok(Some((serve(&[])?, serve(&["-O", kept])?)))
    }

    /// Starts a server that says its address in a line on the stream that is piped.
    fn announced(command: &mut Command) -> Done<Self> {
        let mut process = command.spawn()?;
        let mut line = String::new();
        match (process.stdout.take(), process.stderr.take()) {
            (Some(stdout), _) => BufReader::new(stdout).read_line(&mut line)?,
            (None, Some(stderr)) => BufReader::new(stderr).read_line(&mut line)?,
            (None, None) => return Err("no stream is piped".into()),
        };
        let address = line.split("http://").nth(1);
        let address = address.and_then(|rest| rest.split([' ', '/', '\n']).next());
        let address = address
            .ok_or_else(|| format!("a server said {line:?}"))?
            .to_owned();
        Ok(Self { process, address })
    }

    fn subject(&self) -> Subject<'_> {
        Box::new(|| load::requests_per_second(&self.address, "/bench", CONNECTIONS, TIME))
    }

    /// What it has in memory now.
    fn resident_mebibytes(&self) -> f64 {
        let status = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(status).unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = resident.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        kibibytes.unwrap_or(f64::NAN) / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
