use std::time::Instant;

use keywell_store::{MAX_PAGE_BYTES, MAX_PAGE_KEYS};

use super::page;
use crate::failure::{Failure, Verdict, holds, same};
use crate::scratch::{Scratch, fill};
use crate::subject::Subject;

/// The least number of keys at which memory is measured. With fewer, other tests of the same
/// process would dominate.
const MEASURED_FROM: usize = 500_000;

/// How much memory may grow while the keys are listed: caches warm up.
const ROOM: u64 = 160 << 20;

/// The length of a key. Half a million of them exceed [`ROOM`].
const KEY_BYTES: usize = 400;

pub(crate) async fn very_many_keys_are_listed_in_bounded_memory(scratch: &Scratch<'_>) -> Verdict {
    let many = many_keys(scratch.subject);
    let bucket = scratch.bucket().await?;
    let longest = bucket.capabilities().key_bytes;
    let width = if many < MEASURED_FROM {
        7
    } else {
        KEY_BYTES.min(longest)
    };
    for first in (0..many).step_by(1000) {
        let batch = first..many.min(first + 1000);
        let keys: Vec<String> = batch.map(|n| format!("{n:0width$}")).collect();
        fill(&bucket, &keys).await?;
    }
    let (started, before) = (Instant::now(), resident());
    let mut seen = vec![false; many];
    let (mut cursor, mut peak) = (None, 0);
    loop {
        let answered = bucket.list(page("", cursor, MAX_PAGE_KEYS)).await?;
        let bytes: usize = answered.keys.iter().map(String::len).sum();
        let is_bounded = answered.keys.len() <= MAX_PAGE_KEYS && bytes <= MAX_PAGE_BYTES;
        holds(
            is_bounded,
            bytes,
            "a page holds at most 1000 keys and 256 KiB",
        )?;
        for key in answered.keys {
            let number: Option<usize> = key.parse().ok().filter(|n| *n < many);
            let Some(number) = number else {
                return Err(Failure::new(key, "only keys that were written are listed"));
            };
            let twice = std::mem::replace(&mut seen[number], true);
            holds(!twice, key, "no key is listed twice")?;
        }
        peak = peak.max(resident().unwrap_or_default());
        cursor = answered.cursor;
        if cursor.is_none() {
            break;
        }
    }
    let missing = seen.iter().position(|seen| !seen);
    same(missing, None, "every key is listed; missing")?;
    scratch.note(format!("{many} keys are listed in {:?}", started.elapsed()));
    match before {
        Some(before) if many >= MEASURED_FROM => holds(
            peak.saturating_sub(before) < ROOM,
            format!("{} MiB more than before", peak.saturating_sub(before) >> 20),
            "a listing takes memory for a page, not for all keys",
        ),
        _ => Ok(()),
    }
}

/// As `KEYWELL_MANY_KEYS` says, if it does.
fn many_keys(subject: &Subject) -> usize {
    let many = std::env::var("KEYWELL_MANY_KEYS").ok();
    many.and_then(|text| text.parse().ok())
        .unwrap_or(subject.very_many)
}

/// How much longer a behaviour may take with `KEYWELL_MANY_KEYS`.
pub(crate) fn many_keys_factor(subject: &Subject) -> u32 {
    u32::try_from(many_keys(subject) / subject.very_many.max(1))
        .map_or(u32::MAX, |factor| factor.clamp(1, 60))
}

/// The resident memory of this process in bytes; on Linux only.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kibibytes << 10)
}
