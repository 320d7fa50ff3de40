use bytes::Bytes;
use serde_json::json;

use crate::digest::Digest;
use crate::error::{Error, Problem};
use crate::manifest::{LAYER_TYPE, MAX_BYTES, check_start};
use crate::options::ImageOptions;
use crate::reference::ImageReference;
use crate::upload::Upload;

/// What a component has to do with others, for the configuration of its image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interfaces {
    /// What it imports: `wasi:http/types@0.2.0`.
    pub imports: Vec<String>,
    /// What it exports.
    pub exports: Vec<String>,
}

const CONFIG_TYPE: &str = "application/vnd.wasm.config.v0+json";
const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// Puts a component into a registry, in the form that `wkg` and `wash` read, and answers the digest
/// of the image. A component always gives the same image: its time of creation is 1970.
///
/// # Errors
///
/// [`Error`], with the reference and the reason.
pub async fn push(
    wasm: Vec<u8>,
    interfaces: &Interfaces,
    reference: &ImageReference,
    options: &ImageOptions,
) -> Result<Digest, Error> {
    let pushed = put(wasm.into(), interfaces, reference, options).await;
    pushed.map_err(|problem| Error {
        action: "push",
        reference: reference.to_string(),
        problem,
    })
}

async fn put(
    wasm: Bytes,
    interfaces: &Interfaces,
    reference: &ImageReference,
    options: &ImageOptions,
) -> Result<Digest, Problem> {
    check_start(&wasm)?;
    if wasm.len() as u64 > MAX_BYTES {
        let problem = format!("the component has more than {MAX_BYTES} bytes (256 MiB)");
        return Err(Problem::Unfit(problem));
    }
    if reference.digest().is_some() {
        let problem = "it is pushed under a tag and not under a digest".to_owned();
        return Err(Problem::Unfit(problem));
    }
    let layer = Digest::of(&wasm);
    let config = config(&layer, interfaces);
    let (manifest, digest) = manifest(&config, &layer, wasm.len());
    let upload = Upload::begin(reference, options).await?;
    upload.blob(wasm, &layer).await?;
    let config_digest = Digest::of(&config);
    upload.blob(config.into(), &config_digest).await?;
    upload.manifest(manifest).await?;
    Ok(digest)
}

fn config(layer: &Digest, interfaces: &Interfaces) -> Vec<u8> {
    let config = json!({
        "created": "1970-01-01T00:00:00Z",
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [layer.to_string()],
        "component": {
            "imports": interfaces.imports,
            "exports": interfaces.exports,
            "target": null,
        },
    });
    config.to_string().into_bytes()
}

fn manifest(config: &[u8], layer: &Digest, bytes: usize) -> (Vec<u8>, Digest) {
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {
            "mediaType": CONFIG_TYPE,
            "digest": Digest::of(config).to_string(),
            "size": config.len(),
        },
        "layers": [{
            "mediaType": LAYER_TYPE,
            "digest": layer.to_string(),
            "size": bytes,
        }],
    });
    let manifest = manifest.to_string().into_bytes();
    let digest = Digest::of(&manifest);
    (manifest, digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Chosen, choose};

    #[test]
    fn what_is_pushed_is_what_is_pulled() {
        let layer = Digest::of(b"\0asm");
        let config = config(&layer, &Interfaces::default());
        let (manifest, digest) = manifest(&config, &layer, 4);
        assert_eq!(Digest::of(&manifest), digest);
        let Chosen::Layer(chosen) = choose(&manifest).unwrap() else {
            panic!("it lists no manifests");
        };
        assert_eq!((chosen.digest, chosen.bytes), (layer, 4));
    }
}
