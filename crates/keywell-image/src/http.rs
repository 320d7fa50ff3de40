use std::time::Duration;

use oci_client::Reference;
use oci_client::secrets::RegistryAuth;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Method, RequestBuilder, Response, StatusCode, Url};

use crate::error::Problem;
use crate::options::ImageOptions;
use crate::registry::Registry;

/// HTTP to a registry. Each answer is read up to a number of bytes and no further.
pub(crate) struct Http {
    client: Client,
    base: Url,
    patience: Duration,
}

/// The most bytes of an answer that says what is wrong.
const MAX_COMPLAINT: usize = 64 << 10;

pub(crate) const USER_AGENT: &str = concat!("keywell/", env!("CARGO_PKG_VERSION"));

// === impl Http ===

impl Http {
    pub(crate) fn new(
        reference: &Reference,
        options: &ImageOptions,
        registry: &Registry,
    ) -> Result<Self, Problem> {
        // The program has no other cryptography; where one is set already, it is this one.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = client(options.patience).build();
        let client = client.map_err(|error| registry.unreachable(&error))?;
        let is_plain = options.is_plain(reference.registry());
        let scheme = if is_plain { "http" } else { "https" };
        let base = format!("{scheme}://{}/v2/", reference.resolve_registry());
        let base = Url::parse(&base).map_err(|error| registry.unreachable(&error))?;
        Ok(Self {
            client,
            base,
            patience: options.patience,
        })
    }

    /// The root of the registry's interface.
    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// A request, by which a redirection to another place gets no credentials.
    pub(crate) fn get(&self, url: Url, auth: &RegistryAuth) -> RequestBuilder {
        with_credentials(self.client.get(url), auth)
    }

    /// A request of an upload. The registry may have named another server for it, which gets no
    /// credentials.
    pub(crate) fn request(&self, method: Method, url: Url, auth: &RegistryAuth) -> RequestBuilder {
        let is_own = url.origin() == self.base.origin();
        let request = self.client.request(method, url);
        if is_own {
            with_credentials(request, auth)
        } else {
            request
        }
    }

    /// The URL of something in the repository of a reference: `manifests/TAG`.
    pub(crate) fn url(
        &self,
        reference: &Reference,
        path: &str,
        registry: &Registry,
    ) -> Result<Url, Problem> {
        let path = format!("{}/{path}", reference.repository());
        let url = self.base.join(&path);
        url.map_err(|error| registry.unreachable(&error))
    }

    /// Sends a form, which is not sent on where the answer is a redirection.
    pub(crate) async fn post(
        &self,
        url: Url,
        form: String,
        registry: &Registry,
    ) -> Result<Response, Problem> {
        let client = client(self.patience).redirect(Policy::none()).build();
        let client = client.map_err(|error| registry.unreachable(&error))?;
        let content_type = "application/x-www-form-urlencoded";
        let request = client.post(url).header(CONTENT_TYPE, content_type);
        let answer = request.body(form).send().await;
        answer.map_err(|error| registry.failed(&error))
    }

    /// Asks for something in the repository of a reference: `manifests/TAG`. The answer is one that
    /// has it.
    pub(crate) async fn of_repository(
        &self,
        reference: &Reference,
        path: &str,
        accept: &str,
        auth: &RegistryAuth,
        registry: &Registry,
    ) -> Result<Response, Problem> {
        let url = self.url(reference, path, registry)?;
        let request = self.get(url, auth).header(ACCEPT, accept);
        let answer = request.send().await;
        let answer = answer.map_err(|error| registry.failed(&error))?;
        if answer.status() == StatusCode::OK {
            return Ok(answer);
        }
        Err(problem(answer, registry).await)
    }
}

fn with_credentials(request: RequestBuilder, auth: &RegistryAuth) -> RequestBuilder {
    match auth {
        RegistryAuth::Anonymous => request,
        RegistryAuth::Basic(user, password) => request.basic_auth(user, Some(password)),
        RegistryAuth::Bearer(token) => request.bearer_auth(token),
    }
}

/// What an answer means that is not the one that was hoped for.
pub(crate) async fn problem(answer: Response, registry: &Registry) -> Problem {
    let code = answer.status().as_u16();
    match body(answer, MAX_COMPLAINT, registry).await {
        Ok(body) => registry.status(code, &body.unwrap_or_default()),
        Err(problem) => problem,
    }
}

fn client(patience: Duration) -> ClientBuilder {
    let client = Client::builder().user_agent(USER_AGENT);
    client.connect_timeout(patience).read_timeout(patience)
}

/// Reads an answer to its end; none if it has more bytes than that.
pub(crate) async fn body(
    mut answer: Response,
    most: usize,
    registry: &Registry,
) -> Result<Option<Vec<u8>>, Problem> {
    let mut body = Vec::new();
    loop {
        let piece = answer.chunk().await;
        match piece.map_err(|error| registry.failed(&error))? {
            Some(piece) if body.len() + piece.len() > most => return Ok(None),
            Some(piece) => body.extend_from_slice(&piece),
            None => return Ok(Some(body)),
        }
    }
}
