use std::borrow::Cow;
use std::collections::HashSet;

use keywell_candidates::{CANDIDATES, PACKAGES, as_written, names, released};

/// Replaces all names of candidates and changes no other bytes. Each new name is read as the old
/// one, and no two names become the same.
pub fn candidates(data: &[u8]) {
    let before = names(data);
    let released = released(data);
    if let Cow::Borrowed(_) = released {
        assert!(!before.iter().any(|name| is_candidate(name)));
        return;
    }
    let after = names(&released);
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before != after, is_candidate(before), "{before} {after}");
        assert_eq!(as_written(before), as_written(after));
    }
    let unique = |names: &[&str]| names.iter().collect::<HashSet<_>>().len();
    assert_eq!(unique(&before), unique(&after));
    assert!(matches!(
        keywell_candidates::released(&released),
        Cow::Borrowed(_)
    ));
}

fn is_candidate(name: &str) -> bool {
    let Some((interface, version)) = name.split_once('@') else {
        return false;
    };
    let package = interface.split_once('/').map(|(package, _)| package);
    package.is_some_and(|package| PACKAGES.contains(&package)) && CANDIDATES.contains(&version)
}
