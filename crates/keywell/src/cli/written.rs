use std::path::{Component, Path, PathBuf};

use keywell_config::Code;

use super::images::{ImageReference, parsed};
use crate::cli::failed::Failed;

/// A component as it is named on the command line: a file or an image.
pub(super) enum Written {
    File(PathBuf),
    Image(ImageReference),
}

// === impl Written ===

impl Written {
    /// Reads the name. What exists, and what is written as a path or ends in `.wasm`, is a file; what
    /// begins with `oci://` or a registry is an image.
    pub(super) fn read(name: &Path) -> Result<Self, Failed> {
        let file = || Ok(Self::File(name.to_owned()));
        let Some(text) = name.to_str() else {
            return file();
        };
        if name.exists() {
            return file();
        }
        if text.starts_with("oci://") {
            return parsed(text).map(Self::Image);
        }
        let begins = name.components().next();
        let is_path = matches!(begins, Some(Component::CurDir | Component::ParentDir));
        if is_path
            || name.is_absolute()
            || name
                .extension()
                .is_some_and(|extension| extension == "wasm")
        {
            return file();
        }
        if ImageReference::is_meant_by(text) {
            return parsed(text).map(Self::Image);
        }
        Err(Failed::Failure(format!(
            "there is no file {text}, and it is no image, since it does not begin with a registry; \
             write FILE.wasm or REGISTRY/NAME:TAG"
        )))
    }

    /// What it is called in a plan.
    pub(super) fn code(&self) -> Code {
        match self {
            Self::File(file) => Code::File(file.clone()),
            Self::Image(reference) => Code::Image {
                reference: reference.to_string(),
                file: None,
            },
        }
    }

    /// The name of the file, or that of the image without registry and tag.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File(file) => {
                let name = file.file_name().unwrap_or_default();
                name.to_string_lossy().into_owned()
            }
            Self::Image(reference) => reference.name().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str) -> Result<String, String> {
        match Written::read(name.as_ref()) {
            Ok(Written::File(file)) => Ok(format!("file {}", file.display())),
            Ok(Written::Image(reference)) => Ok(format!("image {reference}")),
            Err(Failed::Failure(error)) => Err(format!("1 {error}")),
            Err(Failed::Usage(error)) => Err(format!("2 {error}")),
        }
    }

    #[test]
    fn a_component_is_a_file_or_an_image_by_how_it_is_written() {
        for name in [
            "x.wasm",
            "./x",
            "../x",
            "/x",
            "Cargo.toml",
            "ghcr.io/a.wasm",
        ] {
            assert_eq!(read(name), Ok(format!("file {name}")));
        }
        for name in [
            "ghcr.io/a/b:1",
            "localhost/x",
            "127.0.0.1:5000/x",
            "oci://ghcr.io/a.wasm",
            "https://ghcr.io/a",
        ] {
            assert_eq!(read(name), Ok(format!("image {name}")));
        }
    }

    #[test]
    fn what_is_neither_is_an_error_that_names_both() {
        for name in ["counter", "acme/counter:1"] {
            let error = read(name).unwrap_err();
            assert!(error.starts_with("1 there is no file"), "{error}");
            assert!(
                error.contains(name) && error.contains("REGISTRY/NAME:TAG"),
                "{error}"
            );
        }
        let error = read("ghcr.io/Acme/x").unwrap_err();
        assert!(
            error.starts_with("2 \"ghcr.io/Acme/x\" is no reference"),
            "{error}"
        );
    }
}
