//! Components in several languages, from `examples/languages`: their toolchains, and their builds.

mod build;
mod c;
mod fresh;
mod go;
mod javascript;
#[cfg(test)]
mod page;
mod places;
mod python;
mod rust;
mod tools;
mod wit;

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::process::Done;

/// A language: its name, and what installs its toolchain and builds its components.
type Language = (&'static str, fn() -> Done);

const LANGUAGES: [Language; 5] = [
    ("Rust", rust::build),
    ("JavaScript", javascript::build),
    ("Python", python::build),
    ("C", c::build),
    ("Go", go::build),
];

/// Installs the toolchains and builds all components.
///
/// # Errors
///
/// What failed, of every language.
pub(crate) fn languages() -> Done {
    let failed = build_all()?;
    if failed.is_empty() {
        eprintln!("\nbuilt all of {}", build::components().display());
        return Ok(());
    }
    let failed: Vec<String> = failed
        .into_iter()
        .map(|(name, why)| format!("{name}: {why}"))
        .collect();
    Err(failed.join("\n"))
}

/// The same for tests. In CI a language that cannot be built is an error; elsewhere its tests are
/// left out, and the answer names the languages.
pub(crate) fn for_tests() -> Done<Vec<&'static str>> {
    if std::env::var_os("CI").is_some() {
        return languages().map(|()| Vec::new());
    }
    let failed = build_all()?;
    for (name, why) in &failed {
        eprintln!("\nthe components in {name} are not tested: {why}");
    }
    Ok(failed.into_iter().map(|(name, _)| name).collect())
}

/// Builds two languages at a time: each uses little more than one processor.
fn build_all() -> Done<Vec<(&'static str, String)>> {
    wit::assemble()?;
    let next = AtomicUsize::new(0);
    let work = || {
        let mut failed = Vec::new();
        while let Some((name, build)) = LANGUAGES.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(why) = build() {
                failed.push((*name, why));
            }
        }
        failed
    };
    let failed = std::thread::scope(|scope| {
        let other = scope.spawn(work);
        let mut failed = work();
        failed.extend(other.join().expect("no build panics"));
        failed
    });
    Ok(failed)
}
