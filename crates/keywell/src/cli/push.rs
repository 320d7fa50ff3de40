use std::fs;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;

use clap::Args;
use keywell_image::Interfaces;
use keywell_runtime::{Error, LoadedComponent, Options, Runtime, exports, interfaces};

use super::cache::CacheFolder;
use super::images::{ImageArguments, parsed};
use super::{output, signal};
use crate::cli::failed::{Ended, Failed};

/// Upload a component to a registry, and print the digest of the image.
///
/// wkg and wash read the image, too. The login is taken from Docker's configuration: `docker login`
/// makes one.
#[derive(Args)]
#[command(after_help = "Example:\n  keywell push counter.wasm ghcr.io/acme/counter:1.0")]
pub(super) struct Push {
    /// The component's file.
    #[arg(value_name = "COMPONENT")]
    component: PathBuf,

    /// The image, such as ghcr.io/NAME:TAG.
    #[arg(value_name = "REFERENCE")]
    reference: String,

    #[command(flatten)]
    images: ImageArguments,

    #[command(flatten)]
    cache: CacheFolder,
}

// === impl Push ===

impl Push {
    pub(super) async fn main(self) -> Ended {
        let stop = pin!(signal::stop()?);
        let reference = parsed(&self.reference)?;
        let wasm = fs::read(&self.component).map_err(|source| Error::Read {
            path: self.component.clone(),
            source,
        })?;
        let options = Options {
            cache: self.cache.folder(),
            instances: 1,
            ..Options::default()
        };
        let loaded = Runtime::new(&options)?.compile(&self.component, &wasm)?;
        let (interfaces, options) = (interfaces_of(&loaded), self.images.options());
        let push = keywell_image::push(wasm, &interfaces, &reference, &options);
        let pushed = signal::unless(stop, push).await;
        let pushed = pushed.map_err(|error| Failed::Failure(error.to_string()))?;
        let digest = pushed.ok_or_else(|| Failed::Failure("interrupted".to_owned()))?;
        output::print(&digest.to_string())?;
        Ok(ExitCode::SUCCESS)
    }
}

fn interfaces_of(loaded: &LoadedComponent) -> Interfaces {
    let component = loaded.component();
    let imports = interfaces(component).into_iter();
    Interfaces {
        imports: imports.map(|interface| interface.name).collect(),
        exports: exports(component),
    }
}
