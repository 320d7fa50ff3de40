//! The WIT of WASI, which no toolchain brings. The crates of WASI's bindings for Rust have it, and
//! Cargo has those: the guests use them.

use std::path::{Path, PathBuf};

use super::places::{kept, sources};
use crate::process::{Done, cargo, root};

/// The releases of WASI, each with the crate that has its WIT.
pub(super) const RELEASE: &str = "0.2.12";
pub(super) const ASYNC: &str = "0.3.2";
const CRATES: [(&str, &str, &str); 2] = [("0.2", "wasip2", RELEASE), ("0.3", "wasip3", ASYNC)];
/// The release that the engine of `componentize-js` has built in. Its types are those of 0.2.12, so
/// its WIT is that with other numbers.
pub(super) const JAVASCRIPT: &str = "0.2.10";

/// The folder with the worlds of the examples and the packages of one release.
pub(super) fn folder(release: &str) -> PathBuf {
    kept().join("wit").join(release)
}

/// Puts the folders together.
pub(super) fn assemble() -> Done {
    let metadata = ["metadata", "--format-version", "1", "--locked"];
    let mut cargo = cargo();
    cargo
        .args(metadata)
        .arg("--manifest-path")
        .arg(root().join("guests/Cargo.toml"));
    let metadata = cargo
        .output()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if !metadata.status.success() {
        let why = String::from_utf8_lossy(&metadata.stderr);
        return Err(format!(
            "cargo does not say where the crates of WASI are: {why}"
        ));
    }
    let metadata = String::from_utf8_lossy(&metadata.stdout);
    for (worlds, name, release) in CRATES {
        let wit = crate_folder(&metadata, name, release)
            .ok_or_else(|| format!("no guest uses {name} with WASI {release}, which has its WIT"))?
            .join("wit/deps");
        let worlds = sources("wit").join(worlds);
        copy(&wit, &worlds, release, release)?;
        if release == RELEASE {
            copy(&wit, &worlds, release, JAVASCRIPT)?;
        }
    }
    Ok(())
}

/// Where a crate is, in what `cargo metadata` says.
fn crate_folder(metadata: &str, name: &str, release: &str) -> Option<PathBuf> {
    let manifests = metadata.split("\"manifest_path\":\"").skip(1);
    let mut manifests = manifests.filter_map(|rest| rest.split('"').next());
    let manifest = manifests.find(|path| {
        let mut parts = path.rsplit(['/', '\\']).skip(1);
        let folder = parts.next().unwrap_or_default();
        folder.starts_with(&format!("{name}-")) && folder.ends_with(&format!("+wasi-{release}"))
    })?;
    Path::new(&manifest.replace("\\\\", "\\"))
        .parent()
        .map(Path::to_owned)
}

fn copy(wit: &Path, worlds: &Path, from: &str, to: &str) -> Done {
    let folder = folder(to);
    let failed = |error: std::io::Error| format!("cannot make {}: {error}", folder.display());
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(failed)?;
    }
    let packages = folder.join("deps");
    std::fs::create_dir_all(&packages).map_err(failed)?;
    for (source, target) in [(wit, &packages), (worlds, &folder)] {
        for file in std::fs::read_dir(source).map_err(failed)? {
            let file = file.map_err(failed)?;
            let text = std::fs::read_to_string(file.path()).map_err(failed)?;
            let text = text.replace(from, to);
            std::fs::write(target.join(file.file_name()), text).map_err(failed)?;
        }
    }
    let keyvalue = root().join("wit/keyvalue-0.2.0-draft2/package.wit");
    std::fs::copy(keyvalue, packages.join("keyvalue.wit")).map_err(failed)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_is_found_by_its_name_and_the_release_of_wasi() {
        let metadata = r#"{"packages":[{"manifest_path":"/r/wasip2-1.0.4+wasi-0.2.9/Cargo.toml"},
            {"manifest_path":"/r/wasip2-2.0.1+wasi-0.2.12/Cargo.toml"}]}"#;
        let found = crate_folder(metadata, "wasip2", "0.2.12");
        assert_eq!(found, Some(PathBuf::from("/r/wasip2-2.0.1+wasi-0.2.12")));
        assert_eq!(crate_folder(metadata, "wasip3", "0.3.2"), None);
    }
}
