use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::alerts::{ADDRESS, Alerts};
use crate::demo::Then;
use crate::process::{Done, Owned, root, works};
use crate::{build, setup};

/// How long anything may take to come about.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is done to keys, and a part of the alert that follows.
const CHANGES: [(&[&str], &str); 4] = [
    (&["set", "foo", "bar"], "foo=bar"),
    (&["set", "café & b", "tea for 2"], "café & b=tea for 2"),
    (&["incr", "visits"], "visits="),
    (&["del", "foo"], "foo=nil"),
];

/// How servers and their clients are called, those of Redis first.
const SERVERS: [&str; 2] = ["redis-server", "valkey-server"];
const CLIENTS: [&str; 2] = ["redis-cli", "valkey-cli"];

const INSTALL: &str = "install Redis or Valkey (Debian and Ubuntu: `apt install redis-server`, Fedora: `dnf install redis`, \
                       macOS: `brew install redis`)";

/// Shows a component that reacts: keys of a Redis are changed by `redis-cli`, and alerts arrive.
pub(crate) fn watch_demo(then: Then, store: Option<&str>) -> Done {
    if let Some(url) = store
        && for_client(url).is_none()
    {
        let url = without_login(url);
        return Err(format!(
            "the demonstration changes keys from another process, which {url} does not allow; \
             omit --store, or name a Redis: --store redis://127.0.0.1:6379"
        ));
    }
    let store = store.map(flat).transpose()?;
    let client = installed(CLIENTS).ok_or_else(|| {
        format!("neither redis-cli nor valkey-cli is installed, which sets the keys; {INSTALL}")
    })?;
    build::build("http-watcher")?;

    let own = if store.is_none() {
        Some(redis()?)
    } else {
        None
    };
    let url = own.as_ref().map(|(url, _)| url).or(store.as_ref());
    let url = url.expect("there is a server of our own unless one is named");
    // With --once it is a trial run, perhaps beside another receiver.
    let alerts = Alerts::listen(if then == Then::End {
        "127.0.0.1:0"
    } else {
        ADDRESS
    })?;
    let mut keywell = keywell(url, &alerts.address)?;
    let server = for_client(url).expect("the URL was looked at above, or is our own");
    for (change, alert) in CHANGES {
        println!("\n$ {client} {}", words(change));
        let mut cli = Command::new(client);
        run_quietly(cli.args(["-u", &server]).args(change))?;
        loop {
            let line = alerts.lines.recv_timeout(PATIENCE);
            let line =
                line.map_err(|_| format!("no alert came for `{client} {}`", words(change)))?;
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
    let shown = without_login(&server);
    println!("\nTry more:  {client} -u {shown} set anything else");
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
pub(crate) fn redis() -> Done<(String, Owned)> {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = free.map_err(|error| format!("no port is free: {error}"))?;
    let port = address.port().to_string();
    // The events that a watch of keys needs; a Redis that others use is left as it is.
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
    let server = installed(SERVERS).ok_or_else(|| {
        format!(
            "redis-server and valkey-server are missing; {INSTALL}, or name a running one: --store URL"
        )
    })?;
    println!("\n$ {server} --port {port} --notify-keyspace-events AKE");
    let redis = Command::new(server)
        .args(arguments)
        .stdout(Stdio::null())
        .spawn();
    let redis = redis.map_err(|error| format!("cannot start {server}: {error}"))?;
    let redis = Owned(redis);
    let started = Instant::now();
    while TcpStream::connect(address).is_err() {
        if started.elapsed() > PATIENCE {
            return Err(format!("{server} does not answer"));
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    Ok((format!("redis://127.0.0.1:{port}?layout=flat"), redis))
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
    // A terminal's scrollback is no place for a password.
    let mut printed = arguments;
    let place = url.split('?').next().unwrap_or(url);
    let shown_url = format!("{}?layout=flat", without_login(place));
    printed[1] = &shown_url;
    println!("\n$ keywell serve {shown} {}", words(&printed));
    let mut keywell = Command::new(build::program());
    keywell.current_dir(root()).arg("serve").arg(&watcher);
    let spawned = keywell.args(arguments).stdout(Stdio::piped()).spawn();
    let mut keywell = Owned(spawned.map_err(|error| format!("cannot start keywell: {error}"))?);
    let mut line = String::new();
    if let Some(stdout) = keywell.0.stdout.take() {
        let read = BufReader::new(stdout).read_line(&mut line);
        read.map_err(|error| format!("cannot read the output of keywell: {error}"))?;
    }
    if line.is_empty() {
        return Err("keywell did not start".to_owned());
    }
    print!("{line}");
    Ok(keywell)
}

fn stop(keywell: &mut Owned) -> Done {
    let pid = keywell.0.id().to_string();
    let sent = Command::new("kill").args(["-INT", &pid]).status();
    sent.map_err(|error| format!("cannot stop keywell: {error}"))?;
    match keywell.0.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("keywell ended: {status}")),
        Err(error) => Err(format!("cannot wait for keywell: {error}")),
    }
}

fn run_quietly(command: &mut Command) -> Done {
    let output = command.output();
    let client = command.get_program().to_string_lossy();
    let output = output.map_err(|error| format!("cannot run {client}: {error}"))?;
    let answer = String::from_utf8_lossy(&output.stdout);
    let answer = answer.trim();
    // A server's refusal is an answer, too, and no failure of the client.
    if output.status.success() && (answer == "OK" || answer.parse::<u64>().is_ok()) {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("{client} failed: {answer} {errors}"))
}

/// The first of these programs that is there.
fn installed(programs: [&'static str; 2]) -> Option<&'static str> {
    let is_there = |program: &&str| works(Command::new(program).arg("--version"));
    programs.into_iter().find(is_there)
}

/// The URL of a store with the layout whose keys are those that `redis-cli` sets.
fn flat(url: &str) -> Done<String> {
    let settings = url.split_once('?').map_or("", |(_, settings)| settings);
    let has = |name: &str| {
        let mut settings = settings.split('&');
        settings.find_map(|setting| setting.strip_prefix(name)?.strip_prefix('='))
    };
    if has("layout").is_some_and(|layout| layout != "flat")
        || has("prefix").is_some_and(|prefix| !prefix.is_empty())
    {
        let problem = "the demonstration sets bare keys, those of layout=flat without a prefix; \
                       leave layout and prefix out of the URL";
        return Err(problem.to_owned());
    }
    let joint = match (has("layout"), url.contains('?')) {
        (Some(_), _) => return Ok(url.to_owned()),
        (None, true) => "&",
        (None, false) => "?",
    };
    Ok(format!("{url}{joint}layout=flat"))
}

/// The URL of a store as `redis-cli` takes it, which knows fewer schemes, and none of what stands
/// behind the question mark; `None` where it cannot reach it.
fn for_client(url: &str) -> Option<String> {
    let url = url.split('?').next().unwrap_or(url);
    let (scheme, place) = url.split_once("://")?;
    let scheme = match scheme {
        "redis" | "valkey" => "redis",
        "rediss" | "valkeys" => "rediss",
        _ => return None,
    };
    // It takes no user before a colon for one of that name, which is none.
    let user = if place.starts_with(':') {
        "default"
    } else {
        ""
    };
    Some(format!("{scheme}://{user}{place}"))
}

/// The URL of a store as it may be printed. A password may have an `@` or a slash in it that should
/// have been encoded, and settings may be secret, too.
fn without_login(url: &str) -> String {
    let (scheme, place) = url.split_once("://").unwrap_or(("", url));
    let place = place.rsplit('@').next().unwrap_or(place);
    let place = match place.split_once('?') {
        Some((place, _)) => format!("{place}?..."),
        None => place.to_owned(),
    };
    match scheme {
        "" => place,
        scheme => format!("{scheme}://{place}"),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_given_a_url_that_it_knows() {
        for (url, known) in [
            ("redis://h:1/2?layout=plain", Some("redis://h:1/2")),
            ("valkey://u:p@h", Some("redis://u:p@h")),
            ("valkeys://h", Some("rediss://h")),
            ("valkey://:p@h", Some("redis://default:p@h")),
            ("rediss://h", Some("rediss://h")),
            ("redis+cluster://h", None),
            ("disk:data", None),
            ("memory:", None),
        ] {
            assert_eq!(for_client(url).as_deref(), known, "{url}");
        }
    }

    #[test]
    fn a_store_is_watched_by_the_layout_of_bare_keys() {
        for (url, watched) in [
            ("redis://h", Some("redis://h?layout=flat")),
            ("redis://h?db=1", Some("redis://h?db=1&layout=flat")),
            ("redis://h?layout=flat", Some("redis://h?layout=flat")),
            ("redis://h?prefix=", Some("redis://h?prefix=&layout=flat")),
            ("redis://h?layout=journal", None),
            ("redis://h?layout=plain", None),
            ("redis://h?prefix=app:", None),
        ] {
            assert_eq!(flat(url).ok().as_deref(), watched, "{url}");
        }
    }

    #[test]
    fn a_url_is_shown_without_what_may_be_secret() {
        for (url, shown) in [
            ("redis://u:hunter2@h:1/2", "redis://h:1/2"),
            ("valkey://:hunter2@x/y@h?password=hunter2", "valkey://h?..."),
            ("redis://h:1?watch-ms=5", "redis://h:1?..."),
            ("redis://u:hunter2?x@h:1", "redis://h:1"),
            ("redis://h:1", "redis://h:1"),
            ("disk:data", "disk:data"),
        ] {
            assert_eq!(without_login(url), shown);
        }
    }
}
