use http_auth::{ChallengeParser, ChallengeRef};
use oci_client::secrets::RegistryAuth;
use oci_client::{Reference, RegistryOperation};
use reqwest::header::WWW_AUTHENTICATE;
use reqwest::{Response, Url};
use serde_json::Value;

use crate::error::Problem;
use crate::http::{Http, body};
use crate::login::Credentials;
use crate::registry::Registry;

/// The most bytes of an answer with a token.
const MAX_BYTES: usize = 64 << 10;

/// Finds the credentials that a registry requires for an operation on an image: nothing, the login
/// itself, or a token of the server that it names.
pub(crate) async fn authorize(
    http: &Http,
    registry: &Registry,
    reference: &Reference,
    login: Option<Credentials>,
    operation: RegistryOperation,
) -> Result<RegistryAuth, Problem> {
    let answer = http.get(http.base().clone(), &RegistryAuth::Anonymous);
    let answer = answer.send().await;
    let answer = answer.map_err(|error| registry.failed(&error))?;
    match challenge(http, &answer) {
        Challenge::Nothing => Ok(RegistryAuth::Anonymous),
        Challenge::Login if matches!(login, Some(Credentials::Identity(_))) => {
            Err(registry.refused("it has no token server, and the login is an identity token"))
        }
        Challenge::Login => Ok(basic(login)),
        Challenge::Token { realm, service } => {
            let actions = match operation {
                RegistryOperation::Pull => "pull",
                RegistryOperation::Push => "pull,push",
            };
            let scope = format!("repository:{}:{actions}", reference.repository());
            let service = service.map(|service| ("service", service));
            let wanted: Vec<_> = [("scope", scope)].into_iter().chain(service).collect();
            let server = server(http, registry, &realm)?;
            token(http, registry, server, &wanted, login).await
        }
    }
}

enum Challenge {
    Nothing,
    Login,
    Token {
        realm: String,
        service: Option<String>,
    },
}

/// The user and the password, where they are sent as they are.
fn basic(login: Option<Credentials>) -> RegistryAuth {
    match login {
        Some(Credentials::Password { user, password }) => RegistryAuth::Basic(user, password),
        Some(Credentials::Identity(_)) | None => RegistryAuth::Anonymous,
    }
}

fn challenge(http: &Http, answer: &Response) -> Challenge {
    // A place that the registry redirects to does not say where the login goes.
    let is_own = answer.url().origin() == http.base().origin();
    let headers = answer.headers().get_all(WWW_AUTHENTICATE).iter();
    let headers: Vec<&str> = headers
        .map(|value| value.to_str().unwrap_or_default())
        .collect();
    if headers.is_empty() || !is_own {
        return Challenge::Nothing;
    }
    let challenges = headers.into_iter().flat_map(ChallengeParser::new);
    let mut tokens = challenges.filter_map(|challenge| {
        let challenge = challenge.ok()?;
        let realm = parameter(&challenge, "realm")?;
        let is_token = challenge.scheme.eq_ignore_ascii_case("Bearer");
        is_token.then(|| (realm, parameter(&challenge, "service")))
    });
    match tokens.next() {
        Some((realm, service)) => Challenge::Token { realm, service },
        None => Challenge::Login,
    }
}

fn parameter(challenge: &ChallengeRef<'_>, name: &str) -> Option<String> {
    let mut parameters = challenge.params.iter();
    let found = parameters.find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.to_unescaped())
}

/// The URL of the token server.
fn server(http: &Http, registry: &Registry, realm: &str) -> Result<Url, Problem> {
    let url = Url::parse(realm).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
    let Some(url) = url else {
        return Err(registry.refused("the URL of its token server is none"));
    };
    if http.base().scheme() == "https" && url.scheme() != "https" {
        return Err(registry.refused("its token server is without TLS, where logins can be read"));
    }
    Ok(url)
}

/// The exchange of an identity token; a form is encoded as a query is.
fn form(server: &Url, wanted: &[(&str, String)], identity: &str) -> String {
    let mut form = server.clone();
    let mut pairs = form.query_pairs_mut();
    pairs.clear().extend_pairs(wanted);
    pairs.append_pair("grant_type", "refresh_token");
    pairs.append_pair("client_id", "keywell");
    pairs.append_pair("refresh_token", identity);
    drop(pairs);
    form.query().unwrap_or_default().to_owned()
}

async fn token(
    http: &Http,
    registry: &Registry,
    mut server: Url,
    wanted: &[(&str, String)],
    login: Option<Credentials>,
) -> Result<RegistryAuth, Problem> {
    let answer = match login {
        Some(Credentials::Identity(identity)) => {
            let form = form(&server, wanted, &identity);
            http.post(server, form, registry).await?
        }
        login => {
            server.query_pairs_mut().extend_pairs(wanted);
            let answer = http.get(server, &basic(login)).send().await;
            answer.map_err(|error| registry.failed(&error))?
        }
    };
    let code = answer.status().as_u16();
    let answer = body(answer, MAX_BYTES, registry).await?;
    let Some(answer) = answer else {
        let problem = format!("its token server sent more than {MAX_BYTES} bytes");
        return Err(registry.refused(&problem));
    };
    match code {
        200 => {}
        400..=403 => return Err(registry.login()),
        code => return Err(registry.status(code, &[])),
    }
    let answer = serde_json::from_slice::<Value>(&answer).unwrap_or_default();
    let mut names = ["token", "access_token"].into_iter();
    let token = names.find_map(|name| answer[name].as_str());
    // It is sent as a header.
    let is_header = |token: &&str| token.bytes().all(|byte| byte.is_ascii_graphic());
    match token.filter(is_header) {
        Some(token) => Ok(RegistryAuth::Bearer(token.to_owned())),
        None => {
            Err(registry.refused("its token server sent no token, or one that is no text of ASCII"))
        }
    }
}
