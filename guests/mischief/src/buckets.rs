//! Misdeeds against buckets, and the plain operations to see what became of them.

use crate::bodies::Body;
use crate::wasi::keyvalue::atomics;
use crate::wasi::keyvalue::store::{self, Bucket, Error};

type Answer = Result<String, Error>;

const HANDLES: usize = 200_000;
const MEBIBYTE: usize = 1 << 20;
/// The largest value Keywell takes.
const VALUE_LIMIT: usize = 16 * MEBIBYTE;

pub fn describe(error: &Error) -> String {
    match error {
        Error::NoSuchStore => "error: no-such-store".into(),
        Error::AccessDenied => "error: access-denied".into(),
        Error::Other(text) => format!("error: other: {text}"),
    }
}

fn bucket() -> Result<Bucket, Error> {
    store::open("default")
}

pub fn open(name: &str) -> Answer {
    store::open(name).map(|_| "opened".into())
}

pub fn open_many() -> String {
    let mut handles = Vec::new();
    while handles.len() < HANDLES {
        match bucket() {
            Ok(handle) => handles.push(handle),
            Err(error) => return format!("opened {}\n{}", handles.len(), describe(&error)),
        }
    }
    format!("opened {}", handles.len())
}

pub fn use_after_drop() -> Answer {
    // The bindings make this mistake impossible, so call beneath them.
    #[link(wasm_import_module = "wasi:keyvalue/store@0.2.0-draft2")]
    unsafe extern "C" {
        #[link_name = "[method]bucket.exists"]
        fn exists(bucket: u32, key: *const u8, key_length: usize, result: *mut u8);
    }

    let bucket = bucket()?;
    let stale = bucket.handle();
    drop(bucket);
    // `result<bool, error>` takes 16 bytes, aligned to 4.
    let mut result = [0_u32; 4];
    let key = "key";
    // SAFETY: both pointers are good for what the signature says; the host traps on the handle.
    unsafe { exists(stale, key.as_ptr(), key.len(), result.as_mut_ptr().cast()) };
    Ok("the host took a dropped handle".into())
}

pub fn get(key: &str) -> Answer {
    Ok(match bucket()?.get(key)? {
        Some(value) => String::from_utf8_lossy(&value).into_owned(),
        None => "none".into(),
    })
}

pub fn set(key: &str, value: &str) -> Answer {
    bucket()?.set(key, value.as_bytes())?;
    Ok("ok".into())
}

pub fn delete(key: &str) -> Answer {
    bucket()?.delete(key)?;
    Ok("ok".into())
}

pub fn increment_many(key: &str, times: u64) -> Answer {
    let bucket = bucket()?;
    let mut last = 0;
    for _ in 0..times {
        last = atomics::increment(&bucket, key, 1)?;
    }
    Ok(last.to_string())
}

pub fn increment_after(body: Body) {
    body.answer("ok");
    if let Ok(bucket) = bucket() {
        _ = atomics::increment(&bucket, "after", 1);
    }
}

pub fn increment_text() -> Answer {
    let bucket = bucket()?;
    bucket.set("text", b"abc")?;
    atomics::increment(&bucket, "text", 1).map(|n| n.to_string())
}

pub fn overflow() -> Answer {
    let bucket = bucket()?;
    bucket.set("overflow", i64::MAX.to_string().as_bytes())?;
    let outcome = match atomics::increment(&bucket, "overflow", 1) {
        Ok(n) => n.to_string(),
        Err(error) => describe(&error),
    };
    let stored = bucket.get("overflow")?.unwrap_or_default();
    Ok(format!("{outcome}\n{}", String::from_utf8_lossy(&stored)))
}

/// Sets a value of so many bytes, or of the most that can be allocated between 1 GiB and the limit.
pub fn set_big(bytes: Option<u64>) -> Answer {
    let value = match bytes {
        Some(bytes) => allocate(usize::try_from(bytes).unwrap_or(usize::MAX)),
        None => (VALUE_LIMIT / MEBIBYTE + 1..=1024)
            .rev()
            .step_by(16)
            .find_map(|mebibytes| allocate(mebibytes * MEBIBYTE)),
    };
    let Some(value) = value else {
        return Ok("cannot allocate".into());
    };
    bucket()?.set("big", &value)?;
    Ok("ok".into())
}

fn allocate(bytes: usize) -> Option<Vec<u8>> {
    let mut value = Vec::new();
    value.try_reserve_exact(bytes).ok()?;
    value.resize(bytes, b'.');
    Some(value)
}

pub fn list_from_forged_cursor() -> Answer {
    let page = bucket()?.list_keys(Some("forged"))?;
    Ok(format!("listed {} keys", page.keys.len()))
}

pub fn list_many(keys: u64) -> Answer {
    let bucket = bucket()?;
    for n in 0..keys {
        bucket.set(&format!("key-{n:06}"), b"")?;
    }
    let (mut found, mut pages, mut cursor) = (0, 0, None);
    loop {
        let page = bucket.list_keys(cursor.as_deref())?;
        found += page.keys.len();
        pages += 1;
        cursor = page.cursor;
        if cursor.is_none() {
            return Ok(format!("{found} keys in {pages} pages"));
        }
    }
}
