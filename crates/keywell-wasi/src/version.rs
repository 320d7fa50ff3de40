//! Versions of interfaces, by semantic versioning.

/// Whether an import is the interface of a name, in its version or in a compatible one.
pub fn is_compatible(interface: &str, import: &str) -> bool {
    let ((path, version), (wanted, wanted_version)) = (split(interface), split(import));
    path == wanted && are_compatible(version, wanted_version)
}

fn split(name: &str) -> (&str, Option<&str>) {
    match name.split_once('@') {
        Some((path, version)) => (path, Some(version)),
        None => (name, None),
    }
}

/// Whether what was built for one version of an interface fits what was built for another.
pub fn are_compatible(one: Option<&str>, other: Option<&str>) -> bool {
    let track = |version: Option<&str>| version.and_then(track);
    one == other || track(one).is_some_and(|one| track(other) == Some(one))
}

/// What compatible versions have in common; nothing where only the same version is compatible.
fn track(version: &str) -> Option<(u64, u64)> {
    let mut numbers = version.split('.').map(|number| number.parse::<u64>().ok());
    let numbers = [numbers.next()??, numbers.next()??, numbers.next()??];
    match numbers {
        [0, 0, _] => None,
        [0, minor, _] => Some((0, minor)),
        [major, ..] => Some((major, 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_is_an_interface_in_each_of_its_releases() {
        let interface = "spin:key-value/key-value@3.0.0";
        for (import, expected) in [
            ("spin:key-value/key-value@3.0.0", true),
            ("spin:key-value/key-value@3.1.2", true),
            ("spin:key-value/key-value@4.0.0", false),
            ("spin:key-value/key-value", false),
            ("spin:key-value/other@3.0.0", false),
        ] {
            assert_eq!(is_compatible(interface, import), expected, "{import}");
        }
    }

    #[test]
    fn versions_are_compatible_as_semver_says() {
        for (one, other, expected) in [
            (None, None, true),
            (Some("1.2.3"), Some("1.0.0"), true),
            (Some("0.2.0"), Some("0.2.9"), true),
            (Some("0.2.0-draft"), Some("0.2.0-draft"), true),
            (Some("0.0.1"), Some("0.0.1"), true),
            (None, Some("1.0.0"), false),
            (Some("1.0.0"), Some("2.0.0"), false),
            (Some("0.2.0"), Some("0.3.0"), false),
            (Some("0.0.1"), Some("0.0.2"), false),
            (Some("0.2.0-draft"), Some("0.2.0"), false),
            (Some("1.0.0-a"), Some("1.0.0-b"), false),
        ] {
            assert_eq!(are_compatible(one, other), expected, "{one:?} {other:?}");
            assert_eq!(are_compatible(other, one), expected, "{other:?} {one:?}");
        }
    }
}
