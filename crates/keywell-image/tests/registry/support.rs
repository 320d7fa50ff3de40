use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use keywell_image::{
    Digest, Error, ImageOptions, ImageReference, Images, Interfaces, Problem, Pulled, push,
};
use tempfile::TempDir;

/// A folder of images, and how its owner reaches registries.
pub(crate) struct Machine {
    folder: TempDir,
    options: ImageOptions,
}

// === impl Machine ===

impl Machine {
    pub(crate) fn new() -> Self {
        Self::patient(Duration::from_secs(30))
    }

    pub(crate) fn patient(patience: Duration) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            options: ImageOptions {
                patience,
                ..ImageOptions::default()
            },
        }
    }

    pub(crate) fn images(&self) -> PathBuf {
        self.folder.path().join("images")
    }

    pub(crate) async fn pull(&self, reference: &str) -> Result<Pulled, Error> {
        let images = Images::open(&self.images(), self.options.clone()).unwrap();
        images.pull(&parsed(reference), &|_, _| {}).await
    }

    pub(crate) async fn kept(&self, reference: &str) -> Option<Pulled> {
        let images = Images::open(&self.images(), self.options.clone()).unwrap();
        images.kept(&parsed(reference)).await.unwrap()
    }

    /// Pulls what cannot be pulled: the reason. The text names the reference.
    pub(crate) async fn problem(&self, reference: &str) -> Problem {
        let error = self.pull(reference).await.unwrap_err();
        let text = error.to_string();
        let start = format!("cannot pull the image {reference}: ");
        assert!(text.starts_with(&start) && !text.contains('\n'), "{text}");
        error.problem
    }

    pub(crate) async fn push(&self, wasm: &[u8], reference: &str) -> Digest {
        self.try_push(wasm, reference).await.unwrap()
    }

    pub(crate) async fn try_push(&self, wasm: &[u8], reference: &str) -> Result<Digest, Error> {
        let (interfaces, reference) = (Interfaces::default(), parsed(reference));
        push(wasm.to_vec(), &interfaces, &reference, &self.options).await
    }
}

pub(crate) fn parsed(reference: &str) -> ImageReference {
    reference.parse().unwrap()
}

/// A component, as far as registries look; it is larger than one piece of an upload.
pub(crate) fn component(number: u8) -> Vec<u8> {
    let mut wasm = b"\0asm\x0d\0\x01\0".to_vec();
    wasm.resize(5 << 20, number);
    wasm
}

pub(crate) fn at(addr: SocketAddr, name: &str) -> String {
    format!("{addr}/{name}")
}
