//! What a process has in memory, in bytes.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Done;
use crate::process::{LOOK, rest};

/// How long memory has to stay as it is to count as settled.
const CALM: Duration = Duration::from_millis(500);
/// How often something is done until it is ordinary.
const ORDINARY_ROUNDS: u32 = 32;
/// How long it may take to settle.
const SETTLING: Duration = Duration::from_secs(8);
/// A process that has grown to so many times its bound is killed, to spare the machine.
const TOO_MUCH: u64 = 10;

pub(crate) fn now(process: u32) -> Done<u64> {
    field(process, "VmRSS:")
}

/// The most since the start of the process, or since the peak was reset.
pub(crate) fn peak(process: u32) -> Done<u64> {
    field(process, "VmHWM:")
}

fn field(process: u32, name: &str) -> Done<u64> {
    let path = format!("/proc/{process}/status");
    let status = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let mut lines = status.lines();
    let value = lines.find_map(|line| line.strip_prefix(name));
    let kibibytes = value.and_then(|value| value.trim().strip_suffix(" kB"));
    let kibibytes: u64 = kibibytes.ok_or(format!("{path} has no {name}"))?.parse()?;
    Ok(kibibytes << 10)
}

/// What a process has now, and forgets that it ever had more.
pub(crate) fn baseline(process: u32) -> Done<u64> {
    // 5 resets the peak; see proc_pid_clear_refs(5).
    std::fs::write(format!("/proc/{process}/clear_refs"), "5")?;
    now(process)
}

/// What a process has at most while it does what it is for, often enough that each of its threads
/// has done it: an allocator keeps some of that, and gives it back and takes it again as it likes.
pub(crate) fn ordinary(process: u32, mut act: impl FnMut() -> Done) -> Done<u64> {
    baseline(process)?;
    (0..ORDINARY_ROUNDS).try_for_each(|_| act())?;
    peak(process)
}

/// Attacks, and answers by how many bytes a process grew at most meanwhile. One that grows far past
/// the bound is killed.
pub(crate) fn growth<T: Send>(
    process: u32,
    bound: u64,
    attack: impl FnOnce() -> T + Send,
) -> Done<(u64, T)> {
    growth_from(process, baseline(process)?, bound, attack)
}

/// The same beside a baseline that was taken before.
pub(crate) fn growth_from<T: Send>(
    process: u32,
    baseline: u64,
    bound: u64,
    attack: impl FnOnce() -> T + Send,
) -> Done<(u64, T)> {
    thread::scope(|scope| {
        let attack = scope.spawn(attack);
        let mut most = 0;
        while !attack.is_finished() {
            // Of a process that has ended, the last figure counts.
            most = peak(process).unwrap_or(most).max(most);
            end_if_too_large(process, most.saturating_sub(baseline), bound)?;
            rest(LOOK);
        }
        most = peak(process).unwrap_or(most).max(most);
        let done = attack.join().map_err(|_| "an attack panicked")?;
        Ok((most.saturating_sub(baseline), done))
    })
}

/// Attacks by something that stalls, and answers by how many bytes a process grew until it grew no
/// more.
pub(crate) fn stalled_growth<T: Send>(
    process: u32,
    baseline: u64,
    bound: u64,
    attack: impl FnOnce() -> T + Send,
) -> Done<(u64, T)> {
    growth_from(process, baseline, bound, || {
        let held = attack();
        settle(process, baseline, bound).map(|()| held)
    })
    .and_then(|(growth, held)| Ok((growth, held?)))
}

/// Waits until a process grows no more.
pub(crate) fn settle(process: u32, baseline: u64, bound: u64) -> Done {
    let end = Instant::now() + SETTLING;
    let mut last = (peak(process).unwrap_or_default(), Instant::now());
    while last.1.elapsed() < CALM && Instant::now() < end {
        let Ok(most) = peak(process) else {
            return Ok(());
        };
        if most > last.0 {
            last = (most, Instant::now());
        }
        end_if_too_large(process, most.saturating_sub(baseline), bound)?;
        rest(LOOK);
    }
    Ok(())
}

fn end_if_too_large(process: u32, growth: u64, bound: u64) -> Done {
    if growth > TOO_MUCH.saturating_mul(bound).max(1 << 30)
        && let Some(pid) = i32::try_from(process).ok().and_then(Pid::from_raw)
    {
        kill_process(pid, Signal::KILL)?;
    }
    Ok(())
}
