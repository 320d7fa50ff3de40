use std::fs;

use keywell_image::Digest;
use keywell_servers::StubAnswer;
use serde_json::json;

use crate::support::guest;

/// What a registry of one image answers: the counter, whose manifest says what its layer is.
pub(crate) struct Hosted {
    manifest: String,
    pub(crate) layer: Vec<u8>,
}

// === impl Hosted ===

impl Hosted {
    pub(crate) fn counter() -> Self {
        let layer = fs::read(guest("counter")).unwrap();
        let descriptor = |media_type: &str, bytes: &[u8]| {
            let digest = Digest::of(bytes).to_string();
            json!({ "mediaType": media_type, "size": bytes.len(), "digest": digest })
        };
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("application/json", b"{}"),
            "layers": [descriptor("application/wasm", &layer)],
        });
        Self {
            manifest: manifest.to_string(),
            layer,
        }
    }

    pub(crate) fn answer(&self, path: &str) -> StubAnswer {
        match path {
            "/v2/" => StubAnswer::ok(""),
            path if path.contains("/manifests/") => StubAnswer::ok(self.manifest.clone()),
            _ => StubAnswer::ok(self.layer.clone()),
        }
    }
}
