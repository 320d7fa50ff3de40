//! Which layer of an image is its component.
//!
//! The tools that make images of components agree on one layer of WebAssembly and differ in what they
//! call it: wkg and wash write `application/wasm`, older ones of wash
//! `application/vnd.module.wasm.content.layer.v1+wasm` or a tar archive that is none, Spin and wasm-to-oci
//! `application/vnd.wasm.content.layer.v1+wasm`. Layers of other types, such as files of a Spin
//! application, are passed over.

use oci_client::manifest::{
    IMAGE_LAYER_MEDIA_TYPE, OciDescriptor, OciImageIndex, OciImageManifest, OciManifest,
    WASM_LAYER_MEDIA_TYPE,
};

use crate::digest::Digest;
use crate::error::Problem;

/// The largest layer that is pulled or pushed, in bytes.
pub const MAX_BYTES: u64 = 256 << 20;

/// The type that a layer gets that is pushed.
pub(crate) const LAYER_TYPE: &str = "application/wasm";

/// The types of layers that are a component.
const TYPES: [&str; 3] = [
    LAYER_TYPE,
    WASM_LAYER_MEDIA_TYPE,
    "application/vnd.module.wasm.content.layer.v1+wasm",
];

/// What a manifest leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Chosen {
    /// The layer that is the component.
    Layer(Layer),
    /// Another manifest: this one lists several, by platform.
    Manifest(Digest),
}

/// A layer, as its manifest describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layer {
    pub(crate) digest: Digest,
    /// At most [`MAX_BYTES`].
    pub(crate) bytes: u64,
}

/// Finds the component in a manifest.
///
/// # Errors
///
/// [`Problem::Unfit`].
pub(crate) fn choose(manifest: &[u8]) -> Result<Chosen, Problem> {
    match serde_json::from_slice(manifest) {
        Ok(OciManifest::Image(image)) => layer(&image).map(Chosen::Layer),
        Ok(OciManifest::ImageIndex(index)) => of_platform(&index).map(Chosen::Manifest),
        Err(error) => Err(unfit(format!("its manifest cannot be read: {error}"))),
    }
}

fn layer(image: &OciImageManifest) -> Result<Layer, Problem> {
    let of_types = |types: &[&str]| -> Vec<&OciDescriptor> {
        let layers = image.layers.iter();
        layers
            .filter(|layer| types.contains(&&*layer.media_type))
            .collect()
    };
    let mut layers = of_types(&TYPES);
    if layers.is_empty() && image.layers.len() == 1 {
        layers = of_types(&[IMAGE_LAYER_MEDIA_TYPE]);
    }
    match layers[..] {
        [layer] => described(layer),
        [] => {
            let types = image.layers.iter().map(|layer| &*layer.media_type);
            let types: Vec<&str> = types.take(8).collect();
            let types = match types[..] {
                [] => "nothing".to_owned(),
                _ => types.join(", "),
            };
            Err(unfit(format!(
                "it has no layer of WebAssembly ({LAYER_TYPE}); it has {types}"
            )))
        }
        _ => Err(unfit(format!(
            "it has {} layers of WebAssembly, and a component is one; push each as an image of its \
             own",
            layers.len()
        ))),
    }
}

fn described(layer: &OciDescriptor) -> Result<Layer, Problem> {
    let Some(digest) = Digest::parse(&layer.digest) else {
        return Err(unfit("the digest of its layer is no sha256".to_owned()));
    };
    let bytes = u64::try_from(layer.size).ok();
    match bytes.filter(|bytes| *bytes <= MAX_BYTES) {
        Some(bytes) => Ok(Layer { digest, bytes }),
        None => Err(unfit(format!(
            "its layer has {} bytes, and at most {MAX_BYTES} (256 MiB) are read",
            layer.size
        ))),
    }
}

/// The manifest for WebAssembly, or the only one.
fn of_platform(index: &OciImageIndex) -> Result<Digest, Problem> {
    let mut manifests = index.manifests.iter();
    let found = manifests.find(|entry| {
        let platform = entry.platform.as_ref();
        platform.is_some_and(|platform| platform.architecture.to_string() == "wasm")
    });
    let found = found.or(match &index.manifests[..] {
        [only] => Some(only),
        _ => None,
    });
    let digest = found.and_then(|entry| Digest::parse(&entry.digest));
    digest.ok_or_else(|| {
        unfit("it lists images by platform, and none is for the architecture wasm".to_owned())
    })
}

/// Checks that the bytes of a layer begin as WebAssembly does.
pub(crate) fn check_start(wasm: &[u8]) -> Result<(), Problem> {
    if wasm.starts_with(b"\0asm") {
        return Ok(());
    }
    Err(unfit(
        "its layer does not begin as WebAssembly does".to_owned(),
    ))
}

fn unfit(problem: String) -> Problem {
    Problem::Unfit(problem)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn digest(of: &str) -> String {
        Digest::of(of.as_bytes()).to_string()
    }

    fn image(layers: &[(&str, i64)]) -> Value {
        let layers = layers.iter().enumerate().map(|(at, (media_type, size))| {
            json!({ "mediaType": media_type, "size": size, "digest": digest(&at.to_string()) })
        });
        json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": { "mediaType": "application/json", "size": 2, "digest": digest("{}") },
            "layers": layers.collect::<Vec<_>>(),
        })
    }

    fn choose(manifest: &Value) -> Result<Chosen, String> {
        super::choose(manifest.to_string().as_bytes()).map_err(|problem| problem.to_string())
    }

    fn layer(at: usize, bytes: u64) -> Chosen {
        let digest = Digest::of(at.to_string().as_bytes());
        Chosen::Layer(Layer { digest, bytes })
    }

    #[test]
    fn the_one_layer_of_webassembly_is_the_component_whatever_its_tool_calls_it() {
        for media_type in TYPES.into_iter().chain([IMAGE_LAYER_MEDIA_TYPE]) {
            assert_eq!(choose(&image(&[(media_type, 9)])), Ok(layer(0, 9)));
        }
        let spin = image(&[
            ("application/vnd.wasm.content.layer.v1+data", 1),
            (WASM_LAYER_MEDIA_TYPE, 2),
        ]);
        assert_eq!(choose(&spin), Ok(layer(1, 2)));
    }

    #[test]
    fn an_image_of_anything_else_is_one_clear_error() {
        let large = i64::try_from(MAX_BYTES).unwrap() + 1;
        for (image, problem) in [
            (image(&[]), "no layer of WebAssembly"),
            (image(&[("application/x", 1)]), "it has application/x"),
            (
                image(&[("application/wasm", 1), (WASM_LAYER_MEDIA_TYPE, 1)]),
                "2 layers of WebAssembly",
            ),
            (
                image(&[(IMAGE_LAYER_MEDIA_TYPE, 1), (IMAGE_LAYER_MEDIA_TYPE, 1)]),
                "no layer of WebAssembly",
            ),
            (image(&[("application/wasm", large)]), "256 MiB"),
            (image(&[("application/wasm", -1)]), "256 MiB"),
            (json!({ "layers": 1 }), "cannot be read"),
            (json!([]), "cannot be read"),
        ] {
            let error = choose(&image).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn of_several_platforms_that_of_webassembly_is_taken() {
        let entry = |architecture: &str| {
            json!({
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "size": 1,
                "digest": digest(architecture),
                "platform": { "architecture": architecture, "os": "wasip2" },
            })
        };
        let index = |entries: &[&str]| {
            let entries: Vec<_> = entries.iter().map(|entry_of| entry(entry_of)).collect();
            json!({ "schemaVersion": 2, "manifests": entries })
        };
        let wasm = Ok(Chosen::Manifest(Digest::of(b"wasm")));
        assert_eq!(choose(&index(&["amd64", "wasm"])), wasm);
        let only = Ok(Chosen::Manifest(Digest::of(b"amd64")));
        assert_eq!(choose(&index(&["amd64"])), only);
        let error = choose(&index(&["amd64", "arm64"])).unwrap_err();
        assert!(error.contains("by platform"), "{error}");
    }
}
