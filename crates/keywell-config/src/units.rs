//! How amounts are written, on the command line and in configuration.

use std::time::Duration;

/// A hundred years, of 365 days: what is longer is mistyped, and sums of times stay within the range of clocks.
const MAX_MILLIS: u64 = 100 * 365 * 24 * 60 * 60 * 1000;

/// Reads a duration: a whole number and ms, s, m or h, from 1 ms to 100 years.
///
/// # Errors
///
/// What to write instead.
pub fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = number_and_unit(text)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        _ => return Err("write a whole number and ms, s, m or h, such as 30s".to_owned()),
    };
    match number.saturating_mul(millis) {
        0 => Err("at least 1ms".to_owned()),
        millis if millis <= MAX_MILLIS => Ok(Duration::from_millis(millis)),
        _ => Err("at most 100 years".to_owned()),
    }
}

/// Reads a size for memory: a whole number and KiB, MiB or GiB.
///
/// # Errors
///
/// What to write instead.
pub fn size(text: &str) -> Result<usize, String> {
    let (number, unit) = number_and_unit(text)?;
    let bytes: u64 = match unit {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err("write a whole number and KiB, MiB or GiB, such as 256MiB".to_owned()),
    };
    let bounds = (64 << 10)..=(4 << 30);
    let bytes = number
        .checked_mul(bytes)
        .filter(|bytes| bounds.contains(bytes));
    let bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok());
    bytes.ok_or_else(|| "at least 64KiB and at most 4GiB".to_owned())
}

/// Reads a number of bytes: a whole number, which may have KiB, MiB or GiB.
///
/// # Errors
///
/// What to write instead.
pub fn bytes(text: &str) -> Result<usize, String> {
    let (number, unit) = number_and_unit(text)?;
    let unit: u64 = match unit {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err("write a number of bytes, or one with KiB, MiB or GiB".to_owned()),
    };
    let bytes = number.checked_mul(unit);
    let bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok());
    bytes.ok_or_else(|| "that is more than there can be".to_owned())
}

fn number_and_unit(text: &str) -> Result<(u64, &str), String> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number = number
        .parse()
        .map_err(|_| "begin with a whole number".to_owned())?;
    Ok((number, unit.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_have_units() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("5m"), Ok(Duration::from_mins(5)));
        assert_eq!(duration("876000h"), Ok(Duration::from_hours(876_000)));
        assert_eq!(duration("876001h"), Err("at most 100 years".to_owned()));
        assert_eq!(size("256MiB"), Ok(256 << 20));
        assert_eq!([bytes("64"), bytes("64 KiB")], [Ok(64), Ok(64 << 10)]);
        assert!(bytes("64KB").is_err() && bytes("99999999999GiB").is_err());
        for wrong in [
            "",
            "30",
            "s",
            "-1s",
            "0s",
            "1d",
            "99999999999999999999s",
            "9999999999999999h",
        ] {
            assert!(duration(wrong).is_err(), "{wrong:?}");
        }
        for wrong in ["", "1", "1MB", "8GiB", "1KiB", "99999999999GiB"] {
            assert!(size(wrong).is_err(), "{wrong:?}");
        }
    }
}
