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
//! | `list` | prints the names in its first folder, sorted |
//! | `list-file` | lists the file `it` there as if it were a folder, and prints the error |
//! | `unread=N` | begins N listings of that folder and reads none |
//! | `open=N`, `streams=N` | opens the file `it` there N times, and keeps of each the file or a stream; prints how many, and the error if there is one |
//! | `reopen=N` | opens and closes it N times; prints the same |
//! | `receive=PORT` | connects to a port of this machine 300 times, and keeps of each a stream; prints the same |
//! | `sockets=N` | makes N sockets and keeps them; prints the same |
//! | `connect=PORT` | connects to a port of this machine, and prints how that ended |
//! | `random` | prints whether two random numbers differ |
//! | `wait=MS` | waits, and prints whether that took so long |
//! | `loop` | computes for ever |
//! | `trap` | ends with a trap |
//! | `fail` | returns an error |
//! | `exit=CODE` | exits with a code |

use std::any::Any;

use wasi::keyvalue::{atomics, store};
use wasip3::cli::{environment, exit, stderr, stdin, stdout};
use wasip3::clocks::monotonic_clock;
use wasip3::exports::cli::run::Guest;
use wasip3::filesystem::preopens;
use wasip3::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags};
use wasip3::random::random;
use wasip3::sockets::types::{IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, TcpSocket};
use wasip3::wit_stream;

wit_bindgen::generate!({ path: "../../wit/keyvalue-0.2.0-draft2", world: "imports" });

struct Command;

wasip3::cli::command::export!(Command);

impl Guest for Command {
    async fn run() -> Result<(), ()> {
        let mut kept: Vec<Box<dyn Any>> = Vec::new();
        for argument in environment::get_arguments().iter().skip(1) {
            let (step, value) = argument.split_once('=').unwrap_or((argument, ""));
            match step {
                "say" => say(value.to_owned()).await,
                "complain" => complain(value).await,
                "copy" => copy().await,
                "env" => say(variable(value)).await,
                "count" => say(count(value)).await,
                "folders" => say(preopens::get_directories().len().to_string()).await,
                "list" => say(list(&folder()).await).await,
                "list-file" => {
                    let file = open(&folder()).await.map_err(drop)?;
                    say(list(&file).await).await;
                }
                "reopen" => {
                    say(open_many(value, &mut kept, |_| Box::new(())).await).await;
                }
                "receive" => say(receive(value, &mut kept).await).await,
                "unread" => kept.push(Box::new(listings(value))),
                "open" => say(open_many(value, &mut kept, |file| Box::new(file)).await).await,
                "streams" => {
                    let stream =
                        |file: Descriptor| Box::new(file.read_via_stream(0)) as Box<dyn Any>;
                    say(open_many(value, &mut kept, stream).await).await;
                }
                "sockets" => say(sockets(value, &mut kept)).await,
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

fn folder() -> Descriptor {
    let mut folders = preopens::get_directories();
    assert!(!folders.is_empty(), "it has a folder");
    folders.remove(0).0
}

async fn list(folder: &Descriptor) -> String {
    let (mut entries, ended) = folder.read_directory();
    let mut names = Vec::new();
    while let Some(entry) = entries.next().await {
        names.push(entry.name);
    }
    names.sort();
    match ended.await {
        Ok(()) => names.join(" "),
        Err(code) => format!("{code:?}"),
    }
}

fn listings(number: &str) -> Vec<impl Sized + use<>> {
    let folder = folder();
    let number: u64 = number.parse().unwrap_or_default();
    (0..number).map(|_| folder.read_directory()).collect()
}

async fn open(folder: &Descriptor) -> Result<Descriptor, ErrorCode> {
    let (path, file) = (PathFlags::empty(), OpenFlags::empty());
    folder
        .open_at(path, "it".to_owned(), file, DescriptorFlags::READ)
        .await
}

async fn open_many(
    number: &str,
    kept: &mut Vec<Box<dyn Any>>,
    keep: impl Fn(Descriptor) -> Box<dyn Any>,
) -> String {
    let folder = folder();
    let number: u64 = number.parse().unwrap_or_default();
    for opened in 0..number {
        match open(&folder).await {
            Ok(file) => kept.push(keep(file)),
            Err(code) => return format!("{opened}, {code:?}"),
        }
    }
    number.to_string()
}

fn sockets(number: &str, kept: &mut Vec<Box<dyn Any>>) -> String {
    let number: u64 = number.parse().unwrap_or_default();
    for made in 0..number {
        match TcpSocket::create(IpAddressFamily::Ipv4) {
            Ok(socket) => kept.push(Box::new(socket)),
            Err(code) => return format!("{made}, {code:?}"),
        }
    }
    number.to_string()
}

async fn connect(port: &str) -> String {
    let Ok(socket) = TcpSocket::create(IpAddressFamily::Ipv4) else {
        return "no socket".to_owned();
    };
    match socket.connect(address(port)).await {
        Ok(()) => "connected".to_owned(),
        Err(code) => format!("{code:?}"),
    }
}

fn address(port: &str) -> IpSocketAddress {
    IpSocketAddress::Ipv4(Ipv4SocketAddress {
        port: port.parse().unwrap_or_default(),
        address: (127, 0, 0, 1),
    })
}

async fn receive(port: &str, kept: &mut Vec<Box<dyn Any>>) -> String {
    for made in 0..300 {
        let socket = match TcpSocket::create(IpAddressFamily::Ipv4) {
            Ok(socket) => socket,
            Err(code) => return format!("{made}, {code:?}"),
        };
        if let Err(code) = socket.connect(address(port)).await {
            return format!("{made} connected, {code:?}");
        }
        kept.push(Box::new(socket.receive()));
    }
    "all".to_owned()
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
