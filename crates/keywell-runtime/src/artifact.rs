//! Compiled components, kept on disk between starts.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::folder::own_folder;

/// A folder of compiled components, for this user alone.
pub(crate) struct Artifacts {
    folder: PathBuf,
}

// === impl Artifacts ===

impl Artifacts {
    /// Makes the folder if it is not there.
    ///
    /// # Errors
    ///
    /// When it cannot be made, or when others may write to it: loading a compiled component runs
    /// it unchecked.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        own_folder(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// The component compiled by an engine of the same settings, if it is kept.
    pub(crate) fn load(&self, engine: &Engine, wasm: &[u8]) -> Option<Component> {
        let path = self.path(engine, wasm);
        if !path.exists() {
            return None;
        }
        // SAFETY: only this user can write to the folder (checked when it was opened), files appear
        // in it by a rename after they were written whole, and their name says which engine and
        // settings compiled them, which the engine checks once more.
        #[expect(unsafe_code, reason = "compiled code is loaded as it is")]
        let loaded = unsafe { Component::deserialize_file(engine, &path) };
        loaded
            .inspect_err(|error| tracing::warn!("recompiling {}: {error:#}", path.display()))
            .ok()
    }

    /// Keeps a compiled component for the next start.
    pub(crate) fn keep(&self, engine: &Engine, wasm: &[u8], component: &Component) {
        let kept = component
            .serialize()
            .map_err(|error| io::Error::other(format!("{error:#}")));
        if let Err(error) = kept.and_then(|code| self.write(&self.path(engine, wasm), &code)) {
            tracing::warn!("cannot keep the compiled component: {error}");
        }
    }

    fn write(&self, path: &Path, code: &[u8]) -> io::Result<()> {
        let unfinished = self
            .folder
            .join(format!("unfinished-{}", std::process::id()));
        let mut file = File::create(&unfinished)?;
        let written = file.write_all(code).and_then(|()| file.sync_all());
        let kept = written.and_then(|()| fs::rename(&unfinished, path));
        kept.inspect_err(|_| drop(fs::remove_file(&unfinished)))
    }

    fn path(&self, engine: &Engine, wasm: &[u8]) -> PathBuf {
        let mut settings = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut settings);
        let mut name = format!("{:016x}-", settings.finish());
        for byte in Sha256::digest(wasm) {
            let _ = write!(name, "{byte:02x}");
        }
        self.folder.join(name + ".cwasm")
    }
}
