//! A command for WASI 0.3. Its arguments say what it does, one step an argument.
//!
//! | Step | What it does |
//! |---|---|
//! | `say=TEXT` | prints a line |
//! | `complain=TEXT` | prints a line to standard error |
//! | `copy` | copies standard input to standard output |
//! | `env=NAME` | prints the value of a variable |
//! | `count=KEY` | counts in the bucket `default`, and prints the number |
//! | `folders` | prints how many folders it has |
//! | `connect=PORT` | connects to a port of this machine, and prints how that ended |
//! | `random` | prints whether two random numbers differ |
//! | `wait=MS` | waits, and prints whether that took so long |
//! | `loop` | computes for ever |
//! | `trap` | ends with a trap |
//! | `fail` | returns an error |
//! | `exit=CODE` | exits with a code |

use wasi::keyvalue::{atomics, store};
use wasip3::cli::{environment, exit, stderr, stdin, stdout};
use wasip3::clocks::monotonic_clock;
use wasip3::exports::cli::run::Guest;
use wasip3::filesystem::preopens;
use wasip3::random::random;
use wasip3::sockets::types::{IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, TcpSocket};
use wasip3::wit_stream;

wit_bindgen::generate!({ path: "../../wit/keyvalue-0.2.0-draft2", world: "imports" });

struct Command;

wasip3::cli::command::export!(Command);

impl Guest for Command {
    async fn run() -> Result<(), ()> {
        for argument in environment::get_arguments().iter().skip(1) {
            let (step, value) = argument.split_once('=').unwrap_or((argument, ""));
            match step {
                "say" => say(value.to_owned()).await,
                "complain" => complain(value).await,
                "copy" => copy().await,
                "env" => say(variable(value)).await,
                "count" => say(count(value)).await,
                "folders" => say(preopens::get_directories().len().to_string()).await,
                "connect" => say(connect(value).await).await,
                "random" => say(differ().to_string()).await,
                "wait" => say(wait(value).await.to_string()).await,
                "loop" => compute_for_ever(),
                "trap" => core::arch::wasm32::unreachable(),
                "exit" => exit::exit_with_code(value.parse().unwrap_or(u8::MAX)),
                // `fail`, and what is no step.
                _ => return Err(()),
            }
        }
        Ok(())
    }
}

async fn say(mut text: String) {
    text.push('\n');
    let (mut stream, printed) = wit_stream::new();
    let printing = stdout::write_via_stream(printed);
    let _ = stream.write_all(text.into_bytes()).await;
    drop(stream);
    let _ = printing.await;
}

async fn complain(text: &str) {
    let (mut stream, printed) = wit_stream::new();
    let printing = stderr::write_via_stream(printed);
    let _ = stream.write_all(format!("{text}\n").into_bytes()).await;
    drop(stream);
    let _ = printing.await;
}

async fn copy() {
    let (input, read) = stdin::read_via_stream();
    let _ = stdout::write_via_stream(input).await;
    let _ = read.await;
}

fn variable(name: &str) -> String {
    let mut variables = environment::get_environment().into_iter();
    let found = variables.find(|(known, _)| known == name);
    found.map_or_else(|| "none".to_owned(), |(_, value)| value)
}

fn count(key: &str) -> String {
    let counted = store::open("default").and_then(|bucket| atomics::increment(&bucket, key, 1));
    match counted {
        Ok(n) => n.to_string(),
        Err(error) => format!("{error:?}"),
    }
}

async fn connect(port: &str) -> String {
    let Ok(socket) = TcpSocket::create(IpAddressFamily::Ipv4) else {
        return "no socket".to_owned();
    };
    let address = IpSocketAddress::Ipv4(Ipv4SocketAddress {
        port: port.parse().unwrap_or_default(),
        address: (127, 0, 0, 1),
    });
    match socket.connect(address).await {
        Ok(()) => "connected".to_owned(),
        Err(code) => format!("{code:?}"),
    }
}

fn differ() -> bool {
    random::get_random_u64() != random::get_random_u64()
}

async fn wait(milliseconds: &str) -> bool {
    let wanted = milliseconds.parse().unwrap_or(1) * 1_000_000;
    let began = monotonic_clock::now();
    monotonic_clock::wait_for(wanted).await;
    monotonic_clock::now() - began >= wanted
}

fn compute_for_ever() -> ! {
    loop {
        core::hint::spin_loop();
    }
}
