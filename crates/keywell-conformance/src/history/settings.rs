use std::env;

/// The seeds of a random test: from `KEYWELL_SEED` on (any, unless it is set), and as many as
/// `KEYWELL_HISTORIES` says (`usual`, unless it is set).
///
/// It prints both, and a test's harness shows that if the test fails. A message of failure names
/// the one seed it happened with: see [`Plan`](super::Plan).
///
/// # Panics
///
/// If one of them is set to what is no number.
pub fn seeds(usual: u64) -> impl Iterator<Item = u64> {
    let first = setting("KEYWELL_SEED").unwrap_or_else(rand::random);
    let histories = setting("KEYWELL_HISTORIES").unwrap_or(usual);
    println!("KEYWELL_SEED={first} KEYWELL_HISTORIES={histories}");
    (0..histories).map(move |number| first.wrapping_add(number))
}

fn setting(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}
