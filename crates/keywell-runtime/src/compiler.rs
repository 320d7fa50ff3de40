use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use sha2::{Digest as _, Sha256};
use twox_hash::XxHash3_64;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::artifact::Artifacts;
use crate::compilation::LARGE;
use crate::engine::Tasks;
use crate::engines::Engines;
use crate::loaded::{LoadedComponent, Outline};
use crate::nesting::Nesting;
use crate::producers::producers;
use crate::skeleton::skeleton;
use crate::{Compilation, CompilationListener, Error, Options, p3, preview1};

/// Makes loaded components of bytes: from the cache, by compiling them, or as outlines.
pub(crate) struct Compiler {
    artifacts: Option<Artifacts>,
    listener: CompilationListener,
}

// === impl Compiler ===

impl Compiler {
    /// A compiler with the cache that the options name, unless it cannot be one.
    pub(crate) fn new(options: &Options) -> Self {
        let artifacts = options.cache.as_deref().and_then(|folder| {
            Artifacts::open(folder)
                .inspect_err(|error| {
                    tracing::warn!(
                        "compiling without a cache, as {} cannot be one: {error}",
                        folder.display()
                    );
                })
                .ok()
        });
        Self {
            artifacts,
            listener: options.listener.clone(),
        }
    }

    /// As [`Runtime::compile`](crate::Runtime::compile).
    pub(crate) fn compile(
        &self,
        engines: &Engines,
        path: &Path,
        wasm: &[u8],
    ) -> Result<LoadedComponent, Error> {
        self.compile_for(engines, path, wasm, Ok)
    }

    /// As [`Runtime::load_worker`](crate::Runtime::load_worker), of bytes.
    pub(crate) fn compile_worker(
        &self,
        engines: &Engines,
        path: &Path,
        wasm: &[u8],
    ) -> Result<LoadedComponent, Error> {
        let compiled = self.compile_for(engines, path, wasm, |tasks| match tasks {
            Tasks::One | Tasks::Replayed => Ok(Tasks::Replayed),
            Tasks::Several => Err(Error::Asynchronous),
        })?;
        let mut digest = "sha256:".to_owned();
        for byte in Sha256::digest(wasm) {
            write!(digest, "{byte:02x}").expect("a string has room");
        }
        Ok(LoadedComponent {
            replayed: Some(digest.into()),
            ..compiled
        })
    }

    /// Compiles a component for the engine that `choose` answers for its tasks.
    fn compile_for(
        &self,
        engines: &Engines,
        path: &Path,
        wasm: &[u8],
        choose: impl Fn(Tasks) -> Result<Tasks, Error>,
    ) -> Result<LoadedComponent, Error> {
        if let Some(kept) = self.find_for(engines, path, wasm, &choose)? {
            return Ok(kept);
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let component = as_component(path, wasm)?;
        // What is compiled, and kept under the digest of its bytes.
        let component = &*keywell_candidates::released(&component);
        let tasks = choose(p3::tasks(component))?;
        let stacks = Nesting::of(component)?.stacks(tasks)?;
        let engine = engines.with(tasks)?.engine;
        let compiled = self.compiled(&name, &engine, component).map_err(|error| {
            let path = path.to_owned();
            let reason = format!("{error:#}");
            // The engine has no type for this refusal; a test holds its words.
            if reason.contains("pooling allocator") {
                let hint = if reason.contains("minimum byte size") {
                    "raise --memory"
                } else {
                    "no setting moves this limit"
                };
                Error::TooLarge(format!("{reason}; {hint}"))
            } else if let Some(needs) = p3::unready(&reason) {
                Error::Unready { path, needs }
            } else {
                Error::Malformed { path, reason }
            }
        })?;
        if let Some(artifacts) = &self.artifacts {
            artifacts.keep(&engine, component, &compiled);
        }
        Ok(loaded(path, wasm, compiled, stacks))
    }

    /// As [`Runtime::outline`](crate::Runtime::outline), of bytes.
    pub(crate) fn outline(
        &self,
        engines: &Engines,
        name: &Path,
        wasm: &[u8],
    ) -> Result<Outline, Error> {
        let component = as_component(name, wasm)?;
        let producers = producers(&component);
        let component = match reduced(engines, name, &component)? {
            Some(component) => component,
            // Compiling says what is wrong with it, or does without a skeleton.
            None => self.compile(engines, name, wasm)?,
        };
        Ok(Outline {
            component,
            producers,
        })
    }

    /// As [`Runtime::glance`](crate::Runtime::glance), of bytes.
    pub(crate) fn glance(
        &self,
        engines: &Engines,
        name: &Path,
        wasm: &[u8],
    ) -> Result<LoadedComponent, Error> {
        if wasm.len() >= LARGE {
            if let Some(kept) = self.find(engines, name, wasm)? {
                return Ok(kept);
            }
            let component = as_component(name, wasm)?;
            if let Some(outline) = reduced(engines, name, &component)? {
                return Ok(outline);
            }
        }
        self.compile(engines, name, wasm)
    }

    /// A component from the cache, if it is there.
    pub(crate) fn find(
        &self,
        engines: &Engines,
        name: &Path,
        wasm: &[u8],
    ) -> Result<Option<LoadedComponent>, Error> {
        self.find_for(engines, name, wasm, &Ok)
    }

    fn find_for(
        &self,
        engines: &Engines,
        name: &Path,
        wasm: &[u8],
        choose: &impl Fn(Tasks) -> Result<Tasks, Error>,
    ) -> Result<Option<LoadedComponent>, Error> {
        let Some(artifacts) = &self.artifacts else {
            return Ok(None);
        };
        let component = as_component(name, wasm)?;
        let component = keywell_candidates::released(&component);
        let tasks = choose(p3::tasks(&component))?;
        let stacks = Nesting::of(&component)?.stacks(tasks)?;
        let engine = engines.with(tasks)?.engine;
        let kept = artifacts.load(&engine, &component);
        Ok(kept.map(|component| loaded(name, wasm, component, stacks)))
    }

    /// Compiles a component, and notifies the listener if it is large.
    fn compiled(&self, name: &str, engine: &Engine, wasm: &[u8]) -> wasmtime::Result<Component> {
        if wasm.len() < LARGE {
            return Component::from_binary(engine, wasm);
        }
        self.listener.notify(Compilation::Begins {
            name,
            bytes: wasm.len(),
            is_kept: self.artifacts.is_some(),
        });
        let since = Instant::now();
        let compiled = Component::from_binary(engine, wasm);
        let took = compiled.as_ref().ok().map(|_| since.elapsed());
        self.listener.notify(Compilation::Ends { name, took });
        compiled
    }
}

/// A component with the name of its file and the digest of its bytes, that may keep so many stacks.
fn loaded(path: &Path, wasm: &[u8], component: Component, stacks: u32) -> LoadedComponent {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    LoadedComponent {
        digest: Some((wasm.len(), XxHash3_64::oneshot(wasm))),
        stacks,
        ..LoadedComponent::from(component).named(&name)
    }
}

/// The bytes of a component: as they are, or made of a core module.
fn as_component<'a>(path: &Path, wasm: &'a [u8]) -> Result<Cow<'a, [u8]>, Error> {
    let path = path.to_owned();
    // The first eight bytes: a magic number, then a version and a layer of 16 bits each.
    match wasm {
        [b'\0', b'a', b's', b'm', _, _, 0x01, 0x00, ..] => Ok(Cow::Borrowed(wasm)),
        [b'\0', b'a', b's', b'm', _, _, 0x00, 0x00, ..] => match preview1::component(wasm) {
            Ok(component) => Ok(Cow::Owned(component)),
            Err(reason) => Err(Error::CoreModule { path, reason }),
        },
        _ => Err(Error::NotWasm { path }),
    }
}

/// A component without its code; none if it cannot be reduced so.
fn reduced(
    engines: &Engines,
    name: &Path,
    component: &[u8],
) -> Result<Option<LoadedComponent>, Error> {
    let component = keywell_candidates::released(component);
    Nesting::of(&component)?;
    let engine = engines.with(p3::tasks(&component))?.engine;
    let Ok(skeleton) = skeleton(&component) else {
        return Ok(None);
    };
    let Ok(component) = Component::from_binary(&engine, &skeleton) else {
        return Ok(None);
    };
    let file = name.file_name().unwrap_or_default().to_string_lossy();
    Ok(Some(LoadedComponent {
        is_outline: true,
        ..LoadedComponent::from(component).named(&file)
    }))
}
