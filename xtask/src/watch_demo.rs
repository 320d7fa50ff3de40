use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::alerts::{ADDRESS, Alerts};
use crate::demo::Then;
use crate::process::{Done, cargo, root, run, target, works};
use crate::setup;

/// How long anything may take to come about.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is done to keys, and a part of the alert that follows.
const CHANGES: [(&[&str], &str); 4] = [
    (&["set", "default:foo", "bar"], "foo=bar"),
    (
        &["set", "default:café & b", "tea for 2"],
        "café & b=tea for 2",
    ),
    (&["incr", "default:visits"], "visits=1"),
    (&["del", "default:foo"], "foo=nil"),
];

const INSTALL: &str = "install Redis (Debian and Ubuntu: `apt install redis-server`, Fedora: `dnf install redis`, \
                       macOS: `brew install redis`)";

/// A process that ends with its owner.
struct Owned(Child);

/// Shows a component that reacts: keys of a Redis are changed by `redis-cli`, and alerts arrive.
pub(crate) fn watch_demo(then: Then, store: Option<&str>) -> Done {
    if let Some(url) = store
        && !["redis:", "rediss:", "valkey:"]
            .iter()
            .any(|scheme| url.starts_with(scheme))
    {
        return Err(format!(
            "the demonstration changes keys from another process, which {url} does not let it do; \
             leave --store out, or name a Redis: --store redis://127.0.0.1:6379"
        ));
    }
    if store.is_some_and(|url| url.contains("layout=journal")) {
        return Err("redis-cli sets keys of the plain layout, and journal has its own".to_owned());
    }
    if !works(Command::new("redis-cli").arg("--version")) {
        return Err(format!(
            "redis-cli is missing, which sets the keys; {INSTALL}"
        ));
    }
    setup::target()?;
    setup::guests()?;
    run(cargo().args(["build", "--locked", "-p", "keywell"]))?;

    let own = if store.is_none() {
        Some(redis()?)
    } else {
        None
    };
    let url = own
        .as_ref()
        .map_or(store.unwrap_or_default(), |(url, _)| url);
    // With --once it is somebody trying whether all works, perhaps beside another receiver.
    let alerts = Alerts::listen(if then == Then::End {
        "127.0.0.1:0"
    } else {
        ADDRESS
    })?;
    let mut keywell = keywell(url, &alerts.address)?;
    // What stands behind the question mark is Keywell's.
    let server = url.split('?').next().unwrap_or(url);
    for (change, alert) in CHANGES {
        println!("\n$ redis-cli {}", words(change));
        let mut cli = Command::new("redis-cli");
        run_quietly(cli.args(["-u", server]).args(change))?;
        loop {
            let line = alerts.lines.recv_timeout(PATIENCE);
            let line =
                line.map_err(|_| format!("no alert came for `redis-cli {}`", words(change)))?;
            println!("alert: {line}");
            // Another key of a Redis that others use, too.
            if line.contains(alert) {
                break;
            }
        }
    }
    if then == Then::End {
        return stop(&mut keywell);
    }
    println!("\nTry more:  redis-cli -u {server} set default:anything else");
    println!("Showing alerts until Ctrl-C.");
    loop {
        match alerts.lines.recv_timeout(Duration::from_secs(1)) {
            Ok(line) => println!("alert: {line}"),
            Err(_) => {
                // The terminal sends Ctrl-C to all of them.
                if let Ok(Some(status)) = keywell.0.try_wait() {
                    return Err(format!("keywell ended: {status}"));
                }
            }
        }
    }
}

/// A Redis of our own, on a free port, which keeps nothing.
fn redis() -> Done<(String, Owned)> {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = free.map_err(|error| format!("no port is free: {error}"))?;
    let port = address.port().to_string();
    // What tells a watch of keys; a Redis that others use is left as it is.
    let arguments = [
        "--port",
        &port,
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--notify-keyspace-events",
        "AKE",
    ];
    println!("\n$ redis-server --port {port} --notify-keyspace-events AKE");
    let redis = Command::new("redis-server")
        .args(arguments)
        .stdout(Stdio::null())
        .spawn();
    let redis = redis.map_err(|error| {
        format!("cannot start redis-server: {error}; {INSTALL}, or name a running one: --store URL")
    })?;
    let redis = Owned(redis);
    let started = Instant::now();
    while TcpStream::connect(address).is_err() {
        if started.elapsed() > PATIENCE {
            return Err("redis-server does not answer".to_owned());
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    Ok((format!("redis://127.0.0.1:{port}"), redis))
}

/// The watcher, once it watches.
fn keywell(url: &str, alerts: &str) -> Done<Owned> {
    let watcher = setup::guest("http_watcher");
    let shown = watcher.strip_prefix(root()).unwrap_or(&watcher).display();
    let port = alerts.rsplit(':').next().unwrap_or_default();
    let host = format!("localhost:{port}");
    let alert_url = format!("ALERT_URL=http://{host}/alert?{{key}}={{value}}");
    let arguments = [
        "--store",
        url,
        "--watch",
        "SET@*,DEL@*",
        "--allow-http",
        &host,
        "--env",
        &alert_url,
    ];
    println!("\n$ keywell serve {shown} {}", words(&arguments));
    let mut keywell = Command::new(target().join("debug/keywell"));
    keywell.current_dir(root()).arg("serve").arg(&watcher);
    let spawned = keywell.args(arguments).stdout(Stdio::piped()).spawn();
    let mut keywell = Owned(spawned.map_err(|error| format!("cannot start keywell: {error}"))?);
    let mut line = String::new();
    if let Some(stdout) = keywell.0.stdout.take() {
        let read = BufReader::new(stdout).read_line(&mut line);
        read.map_err(|error| format!("cannot hear from keywell: {error}"))?;
    }
    if line.is_empty() {
        return Err("keywell did not start".to_owned());
    }
    print!("{line}");
    Ok(keywell)
}

fn stop(keywell: &mut Owned) -> Done {
    let pid = keywell.0.id().to_string();
    let told = Command::new("kill").args(["-INT", &pid]).status();
    told.map_err(|error| format!("cannot stop keywell: {error}"))?;
    match keywell.0.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("keywell ended: {status}")),
        Err(error) => Err(format!("cannot wait for keywell: {error}")),
    }
}

fn run_quietly(command: &mut Command) -> Done {
    let output = command.output();
    let output = output.map_err(|error| format!("cannot run redis-cli: {error}"))?;
    if output.status.success() && !output.stdout.starts_with(b"ERR") {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stderr);
    Err(format!("redis-cli failed: {told}"))
}

/// Words as they are typed into a shell.
fn words(words: &[&str]) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_:/.".contains(c);
    let quoted = words.iter().map(|word| {
        if !word.is_empty() && word.chars().all(plain) {
            (*word).to_owned()
        } else {
            format!("'{word}'")
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

impl Drop for Owned {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
