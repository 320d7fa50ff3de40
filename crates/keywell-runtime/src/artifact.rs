//! Compiled components, kept on disk between starts.
//!
//! An artefact is a digest and the compiled code behind it. The digest is over the engine's
//! settings, the digest of the component that was compiled, and the code. So a file that is
//! damaged, cut short, empty or longer, or that stands under another component's name, is not what
//! its digest says: it is never run, and the component is compiled and kept again.
//!
//! The compiled bytes can differ from the file: names of release candidates are replaced first. The
//! digest covers the bytes with the new names, so an artefact of a version that replaced none, or
//! chose other names, does not match.
//!
//! The digest is no signature. Who can write to the folder can write code that this process runs,
//! so the folder has to belong to this user, and only this user may write to it; otherwise there is
//! no cache.

use std::fmt::Write as _;
use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::Path;

use keywell_folder::{Access, Draft, Folder};
use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::folder::own_folder;

/// A folder of compiled components, for this user alone.
pub(crate) struct Artifacts {
    folder: Folder,
}

/// The name of the artefact for one component and one engine, and what its digest covers besides
/// the code.
struct Identity {
    settings: [u8; 8],
    component: Sha256Digest,
}

type Sha256Digest = [u8; 32];

// === impl Artifacts ===

impl Artifacts {
    /// Makes the folder if it is not there.
    ///
    /// # Errors
    ///
    /// When it cannot be made, or when others may write to it: loading a compiled component runs
    /// it unchecked.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            folder: own_folder(folder)?,
        })
    }

    /// The component compiled by an engine of the same settings, if it is kept.
    pub(crate) fn load(&self, engine: &Engine, wasm: &[u8]) -> Option<Component> {
        let identity = Identity::new(engine, wasm);
        let name = identity.file_name();
        let refused = |error: &dyn std::fmt::Display| {
            let path = self.folder.path().join(&name);
            tracing::warn!(
                "compiling again, as {} cannot be used: {error}",
                path.display()
            );
        };
        let artefact = match self.folder.open_to_read(&name).and_then(read) {
            Ok(artefact) => artefact,
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            Err(error) => {
                refused(&error);
                return None;
            }
        };
        let Some(code) = identity.unseal(&artefact) else {
            refused(&"its digest is of other bytes");
            return None;
        };
        // SAFETY: the bytes are what `Component::serialize` answered for this component in an
        // engine of these settings. That rests on two things. Only this user, and root, could write
        // the file: its folder was checked when it was opened, and the file itself in `read`. And
        // the bytes are unchanged since: their digest was compared, and they are in this process's
        // memory, so that what was compared is what is loaded. The engine compares its version and
        // settings once more.
        #[expect(unsafe_code, reason = "compiled code is loaded as it is")]
        let loaded = unsafe { Component::deserialize(engine, code) };
        loaded
            .inspect_err(|error| refused(&format!("{error:#}")))
            .ok()
    }

    /// Keeps a compiled component for the next start.
    pub(crate) fn keep(&self, engine: &Engine, wasm: &[u8], component: &Component) {
        let code = component
            .serialize()
            .map_err(|error| io::Error::other(format!("{error:#}")));
        if let Err(error) = code.and_then(|code| self.write(&Identity::new(engine, wasm), &code)) {
            tracing::warn!("cannot keep the compiled component: {error}");
        }
        // Only here, where compiling took far longer.
        if let Err(error) = Draft::sweep(&self.folder) {
            tracing::debug!("cannot remove left-over drafts of compiled components: {error}");
        }
    }

    fn write(&self, identity: &Identity, code: &[u8]) -> io::Result<()> {
        let mut draft = self.folder.draft()?;
        draft.file().write_all(&identity.seal(code))?;
        draft.file().write_all(code)?;
        // The folder is not synced: a name that is lost with the power costs a compilation.
        draft.keep(&identity.file_name())
    }
}

/// Reads a file that only this user may have written.
fn read(mut file: File) -> io::Result<Vec<u8>> {
    if !Access::of(&file)?.is_ours_alone() {
        let what = "it belongs to another user, or others may write to it; remove it";
        return Err(io::Error::new(ErrorKind::PermissionDenied, what));
    }
    let bytes = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    let mut artefact = Vec::with_capacity(bytes);
    file.read_to_end(&mut artefact)?;
    Ok(artefact)
}

// === impl Identity ===

impl Identity {
    fn new(engine: &Engine, wasm: &[u8]) -> Self {
        let mut settings = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut settings);
        Self {
            settings: settings.finish().to_be_bytes(),
            component: Sha256::digest(wasm).into(),
        }
    }

    fn file_name(&self) -> String {
        let mut name = format!("{:016x}-", u64::from_be_bytes(self.settings));
        for byte in self.component {
            let _ = write!(name, "{byte:02x}");
        }
        name + ".cwasm"
    }

    fn seal(&self, code: &[u8]) -> Sha256Digest {
        // The parts before the code are of fixed sizes, so no other parts make the same bytes.
        let digest = Sha256::new()
            .chain_update(self.settings)
            .chain_update(self.component)
            .chain_update(code);
        digest.finalize().into()
    }

    /// The code of an artefact, if it is this one's and unchanged.
    fn unseal<'a>(&self, artefact: &'a [u8]) -> Option<&'a [u8]> {
        let (seal, code) = artefact.split_first_chunk()?;
        (self.seal(code) == *seal).then_some(code)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    #[cfg(unix)]
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::PathBuf;

    use tempfile::TempDir;

    use super::*;
    use crate::engine::engine;
    use crate::{Options, Runtime};

    /// Two components that differ, and compile to code that differs.
    fn components() -> [Vec<u8>; 2] {
        [1, 2].map(|number| {
            wat::parse_str(format!(
                "(component (core module (func (export \"f\") (result i32) i32.const {number})))"
            ))
            .unwrap()
        })
    }

    struct Scratch {
        _parent: TempDir,
        folder: PathBuf,
        options: Options,
    }

    // === impl Scratch ===

    impl Scratch {
        fn new() -> Self {
            let parent = tempfile::tempdir().unwrap();
            let folder = parent.path().join("cache");
            let options = Options {
                instances: 1,
                cache: Some(folder.clone()),
                ..Options::default()
            };
            Self {
                _parent: parent,
                folder,
                options,
            }
        }

        /// The one artefact in the folder, where nothing else is.
        fn artefact(&self) -> PathBuf {
            let mut names = self.names();
            assert_eq!(names.len(), 1, "{names:?}");
            self.folder.join(names.remove(0))
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.folder).unwrap();
            let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            names.collect()
        }
    }

    fn compile(runtime: &Runtime, wasm: &[u8]) {
        runtime.compile(Path::new("it.wasm"), wasm).unwrap();
    }

    fn artifacts(scratch: &Scratch) -> (Artifacts, Engine) {
        let artifacts = Artifacts::open(&scratch.folder).unwrap();
        (artifacts, engine(&scratch.options).unwrap())
    }

    #[test]
    fn a_kept_component_is_loaded_and_not_compiled() {
        let scratch = Scratch::new();
        let runtime = Runtime::new(&scratch.options).unwrap();
        let [wasm, other] = components();
        compile(&runtime, &wasm);
        let (artifacts, engine) = artifacts(&scratch);
        assert!(artifacts.load(&engine, &wasm).is_some());
        assert!(artifacts.load(&engine, &other).is_none());
    }

    #[test]
    fn a_component_whose_names_are_replaced_is_kept_as_that() {
        let scratch = Scratch::new();
        let runtime = Runtime::new(&scratch.options).unwrap();
        let wasm =
            wat::parse_str(r#"(component (import "wasi:io/poll@0.2.0-rc-2023-11-10" (instance)))"#);
        let wasm = wasm.unwrap();
        compile(&runtime, &wasm);
        let (artifacts, engine) = artifacts(&scratch);
        assert!(artifacts.load(&engine, &wasm).is_none());
        let released = keywell_candidates::released(&wasm);
        assert!(artifacts.load(&engine, &released).is_some());
    }

    #[test]
    fn a_damaged_artefact_is_not_loaded_and_is_replaced() {
        let scratch = Scratch::new();
        let runtime = Runtime::new(&scratch.options).unwrap();
        let [wasm, _] = components();
        compile(&runtime, &wasm);
        let path = scratch.artefact();
        let whole = fs::read(&path).unwrap();
        let (artifacts, engine) = artifacts(&scratch);
        let flipped = |at: usize| {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            bytes
        };
        // In the digest and at its end, and then all over the code.
        let mut damaged: Vec<Vec<u8>> = [0, 17, 31, 32].map(flipped).into();
        damaged.extend((33..whole.len()).step_by(97).map(flipped));
        damaged.push(flipped(whole.len() - 1));
        for kept in [0, 1, 31, 32, 33, whole.len() / 2, whole.len() - 1] {
            damaged.push(whole[..kept].to_vec());
        }
        damaged.push([&whole[..], b"\0"].concat());
        damaged.push([&whole[..], &whole[..]].concat());
        damaged.push(vec![0; whole.len()]);
        // As before there was a digest.
        damaged.push(whole[32..].to_vec());
        for bytes in damaged {
            fs::write(&path, &bytes).unwrap();
            assert!(artifacts.load(&engine, &wasm).is_none());
        }
        compile(&runtime, &wasm);
        assert!(fs::read(scratch.artefact()).unwrap() == whole);
    }

    #[test]
    fn an_artefact_under_another_name_is_not_loaded() {
        let scratch = Scratch::new();
        let runtime = Runtime::new(&scratch.options).unwrap();
        let [wasm, other] = components();
        compile(&runtime, &wasm);
        let (artifacts, engine) = artifacts(&scratch);
        let other_name = Identity::new(&engine, &other).file_name();
        fs::copy(scratch.artefact(), scratch.folder.join(&other_name)).unwrap();
        assert!(artifacts.load(&engine, &other).is_none());

        let mut settings = Identity::new(&engine, &wasm);
        settings.settings[0] ^= 1;
        let code = fs::read(scratch.folder.join(other_name)).unwrap();
        assert!(settings.unseal(&code).is_none());
    }

    #[test]
    fn threads_that_compile_at_once_keep_whole_artefacts_and_no_drafts() {
        let scratch = Scratch::new();
        let components = components();
        let runtimes = [(); 2].map(|()| Runtime::new(&scratch.options).unwrap());
        for _ in 0..8 {
            std::thread::scope(|scope| {
                for runtime in &runtimes {
                    for wasm in &components {
                        scope.spawn(|| compile(runtime, wasm));
                    }
                }
            });
            assert_eq!(scratch.names().len(), 2, "{:?}", scratch.names());
            let (artifacts, engine) = artifacts(&scratch);
            for wasm in &components {
                assert!(artifacts.load(&engine, wasm).is_some());
            }
            for name in scratch.names() {
                fs::remove_file(scratch.folder.join(name)).unwrap();
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn an_artefact_that_is_a_link_or_that_others_may_write_to_is_not_loaded() {
        let scratch = Scratch::new();
        let runtime = Runtime::new(&scratch.options).unwrap();
        let [wasm, _] = components();
        compile(&runtime, &wasm);
        let path = scratch.artefact();
        let (artifacts, engine) = artifacts(&scratch);
        for mode in [0o620, 0o602] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(artifacts.load(&engine, &wasm).is_none(), "{mode:o}");
        }
        let elsewhere = scratch.folder.with_file_name("elsewhere");
        fs::rename(&path, &elsewhere).unwrap();
        fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o600)).unwrap();
        symlink(&elsewhere, &path).unwrap();
        assert!(artifacts.load(&engine, &wasm).is_none());
        // The link is replaced, and not written through.
        let before = fs::read(&elsewhere).unwrap();
        compile(&runtime, &wasm);
        assert!(fs::symlink_metadata(&path).unwrap().is_file());
        assert!(artifacts.load(&engine, &wasm).is_some());
        assert!(fs::read(&elsewhere).unwrap() == before);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_others_may_write_to_is_no_cache_and_it_is_said_why() {
        let scratch = Scratch::new();
        drop(Artifacts::open(&scratch.folder).unwrap());
        for mode in [0o770, 0o707] {
            fs::set_permissions(&scratch.folder, fs::Permissions::from_mode(mode)).unwrap();
            let error = Artifacts::open(&scratch.folder).map(drop).unwrap_err();
            let advice = format!("chmod go-w {}", scratch.folder.display());
            assert!(error.to_string().contains(&advice), "{error}");
        }
    }
}
