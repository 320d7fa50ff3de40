use std::borrow::Cow;
use std::collections::HashSet;

/// The packages of WASI 0.2.
pub const PACKAGES: [&str; 7] = [
    "wasi:cli",
    "wasi:clocks",
    "wasi:filesystem",
    "wasi:http",
    "wasi:io",
    "wasi:random",
    "wasi:sockets",
];

/// The versions of the candidates whose names are replaced.
pub const CANDIDATES: [&str; 3] = [
    "0.2.0-rc-2023-11-10",
    "0.2.0-rc-2023-12-05",
    "0.2.0-rc-2024-01-16",
];

/// A candidate's patch number is its date, which no release will reach. If the component uses that
/// number already, digits are put in front of the date.
const DATES: [u64; CANDIDATES.len()] = [20_231_110, 20_231_205, 20_240_116];
const DATE_DIGITS: u64 = 100_000_000;

/// What the version of every release begins with, after the name of the interface.
const RELEASE: &str = "@0.2.";

/// A text in which names that [`released`](crate::released) gave are as the component has them.
pub fn as_written(text: &str) -> Cow<'_, str> {
    let mut written = String::new();
    let (mut rest, mut is_changed) = (text, false);
    while let Some(at) = rest.find(RELEASE) {
        let (name, version) = rest.split_at(at);
        let digits = &version[RELEASE.len()..];
        let end = digits.find(|c: char| !c.is_ascii_digit());
        let (patch, behind) = digits.split_at(end.unwrap_or(digits.len()));
        let candidate = patch.parse().ok().and_then(of_patch);
        written.push_str(name);
        match candidate.filter(|_| ends_with_interface(name)) {
            Some(candidate) => {
                written.push('@');
                written.push_str(candidate);
                is_changed = true;
            }
            None => written.push_str(&version[..RELEASE.len() + patch.len()]),
        }
        rest = behind;
    }
    if !is_changed {
        return Cow::Borrowed(text);
    }
    written.push_str(rest);
    Cow::Owned(written)
}

/// Whether a name has the version of a candidate.
pub(crate) fn is_candidate(name: &str) -> bool {
    date(name).is_some()
}

/// The patch numbers of WASI 0.2 among the names.
pub(crate) fn patches(names: &[&str]) -> HashSet<u64> {
    let patches = names.iter().filter_map(|name| {
        let (interface, patch) = name.split_once(RELEASE)?;
        is_interface(interface).then(|| patch.parse().ok())?
    });
    patches.collect()
}

/// The name of a release for that of a candidate, with a patch number that is not taken.
pub(crate) fn release(name: &str, taken: &HashSet<u64>) -> Option<String> {
    let date = date(name)?;
    let (interface, _) = name.split_once('@')?;
    let mut patches = (0..).map(|front| date + front * DATE_DIGITS);
    let patch = patches.find(|patch| !taken.contains(patch))?;
    Some(format!("{interface}{RELEASE}{patch}"))
}

fn date(name: &str) -> Option<u64> {
    let (interface, version) = name.split_once('@')?;
    let place = CANDIDATES
        .iter()
        .position(|candidate| *candidate == version)?;
    is_interface(interface).then_some(DATES[place])
}

fn of_patch(patch: u64) -> Option<&'static str> {
    let place = DATES.iter().position(|date| *date == patch % DATE_DIGITS)?;
    Some(CANDIDATES[place])
}

fn is_interface(name: &str) -> bool {
    let package = name.split_once('/').map(|(package, _)| package);
    package.is_some_and(|package| PACKAGES.contains(&package)) && name.chars().all(is_part)
}

fn ends_with_interface(text: &str) -> bool {
    let name = text.rsplit(|c| !is_part(c)).next();
    name.is_some_and(is_interface)
}

/// Whether a name of an interface may have it.
fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, ':' | '/' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_a_text_are_as_the_component_has_them() {
        for (text, expected) in [
            (
                "no `wasi:io/poll@0.2.20231110`, wasi:cli/run@0.2.120240116: x",
                "no `wasi:io/poll@0.2.0-rc-2023-11-10`, wasi:cli/run@0.2.0-rc-2024-01-16: x",
            ),
            (
                "wasi:http/types@0.2.20231205",
                "wasi:http/types@0.2.0-rc-2023-12-05",
            ),
        ] {
            assert_eq!(as_written(text), expected);
        }
        for text in [
            "",
            "@0.2.",
            "@0.2.20231110",
            "acme:io/poll@0.2.20231110",
            "wasi:io@0.2.20231110",
            "wasi:keyvalue/store@0.2.20231110",
            "wasi:io/poll@0.2.0 @0.2.20231110",
            "wasi:io/poll@0.2.20231111",
            "wasi:io/poll@0.2.99999999999999999999920231110",
            "é@0.2.é",
        ] {
            assert!(matches!(as_written(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn every_date_is_that_of_its_candidate() {
        for (candidate, date) in CANDIDATES.iter().zip(DATES) {
            let digits: String = candidate[5..]
                .chars()
                .filter(char::is_ascii_digit)
                .collect();
            assert_eq!(digits, date.to_string());
        }
    }
}
