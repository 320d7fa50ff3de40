use std::env;

/// The seeds of a random test: `KEYWELL_HISTORIES` consecutive ones (`usual` if unset), starting at
/// `KEYWELL_SEED` (random if unset).
///
/// Prints both, so that the harness shows them if the test fails. A test should name the failing
/// seed in its message.
///
/// # Panics
///
/// If one of the variables is set and not a number.
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
