//! What an idle instance keeps in memory.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use wasmtime::component::Component;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::effort::Effort;
use crate::group::Group;
use crate::guests::guest;
use crate::host::{Floor, Keywell};
use crate::measure::{Rounds, Series, Subject, rounds};
use crate::row::Row;
use crate::server::Server;
use crate::unit::Unit;
use crate::{Done, resident};

/// The first argument that makes this program hold instances and print the memory of each.
pub(crate) const ARGUMENT: &str = "hold-instances";

const GUEST: &str = "bench_draft2";
const VALUE: u32 = 23;
/// How long a server may take for an instance.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn group(effort: &Effort) -> Done<Group> {
    let mut group = Group::new("idle", "Memory of an idle instance, resident");
    let subjects: [Subject<'_>; 2] = [
        Box::new(|| held_apart("keywell", effort.idle)),
        Box::new(|| held_apart("floor", effort.idle)),
    ];
    let [ours, floor] = rounds(effort.rounds_a_point(), subjects)?;
    group.rows.push(Row::new(
        "idle/host",
        format!("`bench-draft2` in Keywell's host, of {}", effort.idle),
        &ours,
        "the same pool with raw host functions",
        &floor,
        Unit::Kibibytes,
    ));

    let held = (0..effort.rounds_a_point()).map(|_| held_in_server(effort.idle));
    let held: Rounds<Held> = held.collect::<Done<Vec<_>>>()?.into_iter().collect();
    let kibibytes = |figure: fn(&Held) -> f64| -> Series { held.map(figure) };
    group.rows.push(Row::new(
        "idle/serve",
        format!("`mischief` in `keywell serve --reuse`, of {}", effort.idle),
        &kibibytes(|held| held.idle),
        "the same while their requests run",
        &kibibytes(|held| held.running),
        Unit::Kibibytes,
    ));
    Ok(group)
}

/// KiB per instance, measured in a separate process.
fn held_apart(host: &str, instances: usize) -> Done<f64> {
    let output = Command::new(std::env::current_exe()?)
        .args([ARGUMENT, host, &instances.to_string()])
        .output()?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let kibibytes = printed.trim().parse();
    kibibytes.map_err(|_| {
        let error = String::from_utf8_lossy(&output.stderr);
        format!("holding instances in {host}: {printed}{error}").into()
    })
}

/// What the process of `held_apart` does.
pub(crate) fn hold(arguments: &[String]) -> Done {
    let [host, instances] = arguments else {
        return Err("usage: a host and a number of instances".into());
    };
    let instances: u32 = instances.parse()?;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances + 1)
        .total_core_instances((instances + 1) * 8)
        .total_memories(instances + 1)
        .total_tables((instances + 1) * 4)
        .max_tables_per_module(4);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        // As Keywell's engine for components of one task.
        .concurrency_support(false);
    let engine = Engine::new(&config)?;
    let component = Component::from_file(&engine, guest(GUEST))?;
    let kibibytes = match &**host {
        "keywell" => hold_each(instances, || Keywell::with(&component, VALUE))?,
        "floor" => hold_each(instances, || Floor::with(&component, false, VALUE))?,
        other => return Err(format!("no host {other}").into()),
    };
    println!("{kibibytes}");
    Ok(())
}

/// KiB each, but for the first, which brings along what all share.
fn hold_each<T>(count: u32, make: impl Fn() -> Done<T>) -> Done<f64> {
    let first = make()?;
    let before = resident::of_this()?;
    let held = (0..count).map(|_| make()).collect::<Done<Vec<T>>>()?;
    let after = resident::of_this()?;
    drop((first, held));
    Ok((after - before) / 1024.0 / f64::from(count))
}

/// KiB an instance, beyond those of a server that has answered one request.
struct Held {
    running: f64,
    idle: f64,
}

fn held_in_server(instances: usize) -> Done<Held> {
    let count = instances.to_string();
    let server = Server::keywell("mischief", ["--reuse", "1000000", "--instances", &count])?;
    // One after the other, so that one instance answers both.
    let mut first = Waiting::ask(&server.address)?;
    first.finish()?;
    let before = server.resident()?;
    let mut waiting = (0..instances)
        .map(|_| Waiting::ask(&server.address))
        .collect::<Done<Vec<_>>>()?;
    let running = server.resident()?;
    waiting.iter_mut().try_for_each(Waiting::finish)?;
    let idle = server.resident()?;
    let each = |bytes: f64| (bytes - before) / 1024.0 / (instances - 1).max(1) as f64;
    Ok(Held {
        running: each(running),
        idle: each(idle),
    })
}

/// A request whose component has begun its answer, and waits for the body to go on.
struct Waiting(BufReader<TcpStream>);

// === impl Waiting ===

impl Waiting {
    /// Asks, and reads the head of the answer: an instance runs then.
    fn ask(address: &str) -> Done<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(
            b"POST /echo HTTP/1.1\r\nhost: bench\r\nconnection: close\r\ncontent-length: 1\r\n\r\n",
        )?;
        let mut answer = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if answer.read_line(&mut head)? == 0 {
                return Err(format!("the answer ended after {head:?}").into());
            }
        }
        if head.starts_with("HTTP/1.1 200") {
            Ok(Self(answer))
        } else {
            Err(format!("answered {head:?}").into())
        }
    }

    fn finish(&mut self) -> Done {
        self.0.get_mut().write_all(b".")?;
        let mut body = String::new();
        self.0.read_to_string(&mut body)?;
        if body.contains('.') {
            Ok(())
        } else {
            Err(format!("echoed {body:?}").into())
        }
    }
}
