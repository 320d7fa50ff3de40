use bytes::Bytes;
use oci_client::RegistryOperation;
use oci_client::manifest::OCI_IMAGE_MEDIA_TYPE;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};

use crate::digest::Digest;
use crate::error::Problem;
use crate::http;
use crate::options::ImageOptions;
use crate::reference::ImageReference;
use crate::session::Session;

/// An image on its way to a registry.
pub(crate) struct Upload {
    session: Session,
}

/// The most bytes of a blob in one request. The registry has to answer each within the patience.
const PIECE: usize = 4 << 20;

const BYTES_TYPE: &str = "application/octet-stream";

// === impl Upload ===

impl Upload {
    pub(crate) async fn begin(
        reference: &ImageReference,
        options: &ImageOptions,
    ) -> Result<Self, Problem> {
        let session = Session::open(reference, options, RegistryOperation::Push).await?;
        Ok(Self { session })
    }

    /// Uploads a blob in pieces, or as a whole where the registry does not take pieces.
    pub(crate) async fn blob(&self, blob: Bytes, digest: &Digest) -> Result<(), Problem> {
        let (end, rest) = match self.pieces(&blob).await? {
            Some(end) => (end, Bytes::new()),
            None => (self.place().await?, blob),
        };
        self.finish(end, rest, digest).await
    }

    /// Uploads the pieces of a blob, and answers where that is finished. None if the registry takes
    /// no pieces: it has a status of success for them, but not the one that says so.
    async fn pieces(&self, blob: &Bytes) -> Result<Option<Url>, Problem> {
        let mut place = self.place().await?;
        let mut begin = 0;
        while begin < blob.len() {
            let end = blob.len().min(begin + PIECE);
            let piece = self.request(Method::PATCH, place);
            let piece = piece.header(CONTENT_TYPE, BYTES_TYPE);
            let piece = piece.header(CONTENT_RANGE, format!("{begin}-{}", end - 1));
            let answer = self.send(piece.body(blob.slice(begin..end))).await?;
            if answer.status() != StatusCode::ACCEPTED {
                return Ok(None);
            }
            place = self.next_place(&answer)?;
            begin = end;
        }
        Ok(Some(place))
    }

    /// Begins to upload a blob, and answers where.
    async fn place(&self) -> Result<Url, Problem> {
        let Session {
            http,
            reference,
            registry,
            ..
        } = &self.session;
        let url = http.url(reference, "blobs/uploads/", registry)?;
        // Some registries require the length.
        let begin = self.request(Method::POST, url).header(CONTENT_LENGTH, 0);
        let answer = self.send(begin).await?;
        self.next_place(&answer)
    }

    async fn finish(&self, mut place: Url, rest: Bytes, digest: &Digest) -> Result<(), Problem> {
        let digest = digest.to_string();
        place.query_pairs_mut().append_pair("digest", &digest);
        let finish = self.request(Method::PUT, place);
        let finish = finish.header(CONTENT_TYPE, BYTES_TYPE);
        let finish = finish.header(CONTENT_LENGTH, rest.len());
        self.send(finish.body(rest)).await.map(drop)
    }

    pub(crate) async fn manifest(&self, manifest: Vec<u8>) -> Result<(), Problem> {
        let Session {
            http,
            reference,
            registry,
            ..
        } = &self.session;
        let tag = reference.tag().unwrap_or("latest");
        let url = http.url(reference, &format!("manifests/{tag}"), registry)?;
        let put = self.request(Method::PUT, url);
        let put = put.header(CONTENT_TYPE, OCI_IMAGE_MEDIA_TYPE);
        self.send(put.body(manifest)).await.map(drop)
    }

    fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.session.http.request(method, url, &self.session.auth)
    }

    /// Sends a request, and answers the head of an answer that is a success. Its body is not read.
    async fn send(&self, request: RequestBuilder) -> Result<Response, Problem> {
        let registry = &self.session.registry;
        let send = async {
            let answer = request.send().await;
            let answer = answer.map_err(|error| registry.failed(&error))?;
            if answer.status().is_success() {
                return Ok(answer);
            }
            Err(http::problem(answer, registry).await)
        };
        registry.within_patience(send).await
    }

    /// Where an upload goes on, as the registry says.
    fn next_place(&self, answer: &Response) -> Result<Url, Problem> {
        let registry = &self.session.registry;
        let location = answer.headers().get(LOCATION);
        let location = location.and_then(|location| location.to_str().ok());
        let place = location.and_then(|location| answer.url().join(location).ok());
        let place = place.ok_or_else(|| registry.refused("it does not say where to upload"))?;
        if self.session.http.base().scheme() == "https" && place.scheme() != "https" {
            return Err(registry.refused("it has the image uploaded to a place without TLS"));
        }
        Ok(place)
    }
}
