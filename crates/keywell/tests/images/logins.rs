//! Registries that want a login, and where it goes.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use keywell_servers::{Registry, Stub, StubAnswer, StubRequest};
use serde_json::json;

use crate::hosted::Hosted;
use crate::machine::{Machine, ended, file};

#[tokio::test]
async fn a_private_registry_takes_the_login_of_docker() {
    let registry = Registry::with_login().await.unwrap();
    let (machine, addr) = (Machine::new(), registry.addr());
    let image = format!("{addr}/private/x:1");
    let push = ["push", &file("counter"), &image];
    let error = machine.fails(&push);
    assert!(
        error.contains(&format!("cannot push the image {image}")),
        "{error}"
    );
    assert!(error.contains("wants a login"), "{error}");

    // In base64: keywell:wrong, and keywell:open sesame.
    let auths = |auth: &str| format!("{{\"auths\":{{\"{addr}\":{{\"auth\":\"{auth}\"}}}}}}");
    machine.log_in(&auths("a2V5d2VsbDp3cm9uZw=="));
    let error = machine.fails(&push);
    let config = machine.folder().join("config.json");
    let refusal = format!("refuses the login of {}", config.display());
    assert!(
        error.contains(&refusal) && !error.contains("wrong"),
        "{error}"
    );
    machine.log_in(&auths("a2V5d2VsbDpvcGVuIHNlc2FtZQ=="));
    machine.done(&push);
    assert!(machine.done(&["pull", &image]).starts_with("sha256:"));

    let (user, password) = (Registry::USER, Registry::PASSWORD);
    let other = Machine::new();
    other.log_in("{\"credsStore\":\"keywell-test\"}");
    let pull = |script: &str| {
        let folder = other.helper(script);
        let mut command = other.keywell(&["pull", &image, "--registry-timeout", "5s"]);
        let path = std::env::var("PATH").unwrap();
        ended(command.env("PATH", format!("{}:{path}", folder.display())))
    };
    let answer = format!("{{\"Username\":\"{user}\",\"Secret\":\"{password}\"}}");
    for (script, problem) in [
        (
            "echo 'credentials not found in native keychain'; exit 1",
            "wants a login",
        ),
        (
            "echo 'no key'; exit 1",
            "docker-credential-keywell-test failed: no key",
        ),
        ("echo hello", "did not answer with a user"),
        ("exec sleep 600", "did not answer within 5s"),
    ] {
        let (code, _, complained) = pull(script);
        assert_eq!(code, 1, "{complained}");
        assert!(complained.contains(problem), "{complained}");
        assert!(complained.contains(&image), "{complained}");
    }
    let script = format!("[ \"$1 $(cat)\" = 'get {addr}' ] && echo '{answer}'");
    let (code, said, complained) = pull(&script);
    assert_eq!((code, &*complained), (0, ""));
    assert!(said.starts_with("sha256:"), "{said}");
}

/// The login of Docker's configuration for a registry.
fn auths(registry: &str, login: &str) -> String {
    let auth = BASE64_STANDARD.encode(login);
    json!({ "auths": { registry: { "auth": auth } } }).to_string()
}

#[test]
fn a_redirection_to_another_place_gets_no_login() {
    let hosted = Hosted::counter();
    let elsewhere = Stub::start(move |request| hosted.answer(&request.path));
    let place = elsewhere.addr();
    let registry = Stub::start(move |request| {
        let challenge = "www-authenticate: Basic realm=\"x\"".to_owned();
        match (&*request.path, request.header("authorization")) {
            (_, None) => StubAnswer::status("401 No", &[challenge]),
            (path, Some(_)) => {
                let location = format!("location: http://{place}{path}");
                StubAnswer::status("307 Elsewhere", &[location])
            }
        }
    });
    let machine = Machine::new();
    let addr = registry.addr().to_string();
    machine.log_in(&auths(&addr, "keywell:open sesame"));
    assert!(
        machine
            .done(&["pull", &format!("{addr}/x:1")])
            .starts_with("sha256:")
    );
    let led = elsewhere.requests();
    let paths: Vec<&str> = led.iter().map(|request| &*request.path).collect();
    assert_eq!(paths[0], "/v2/x/manifests/1");
    assert!(paths[1].starts_with("/v2/x/blobs/sha256:"), "{paths:?}");
    assert!(
        led.iter()
            .all(|request| request.header("authorization").is_none())
    );

    // Nor does one that asks for the login itself.
    let tokens = Stub::start(|_| StubAnswer::ok("{\"token\":\"t\"}"));
    let realm = tokens.addr();
    let greedy = Stub::start(move |_| {
        let challenge = format!("www-authenticate: Bearer realm=\"http://{realm}/\"");
        StubAnswer::status("401 No", &[challenge])
    });
    let place = greedy.addr();
    let registry = Stub::start(move |request| {
        let location = format!("location: http://{place}{}", request.path);
        StubAnswer::status("307 Elsewhere", &[location])
    });
    let addr = registry.addr().to_string();
    machine.log_in(&auths(&addr, "keywell:open sesame"));
    let error = machine.fails(&["pull", &format!("{addr}/x:1")]);
    assert!(error.contains("docker login"), "{error}");
    assert!(tokens.requests().is_empty());
    let asked = greedy.requests();
    assert!(
        asked
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
}

#[test]
fn a_token_server_gets_the_login_and_the_registry_its_token() {
    let basic = format!("Basic {}", BASE64_STANDARD.encode("keywell:open sesame"));
    for name in ["token", "access_token"] {
        let wanted = basic.clone();
        let tokens = Stub::start(move |request: &StubRequest| {
            if request.header("authorization") == Some(&wanted) {
                StubAnswer::ok(json!({ name: "ticket", "expires_in": 60 }).to_string())
            } else {
                StubAnswer::status("401 No", &[])
            }
        });
        let (realm, hosted) = (tokens.addr(), Hosted::counter());
        let registry = Stub::start(move |request| {
            if request.header("authorization") == Some("Bearer ticket") {
                return hosted.answer(&request.path);
            }
            let challenge = format!(
                "www-authenticate: Bearer realm=\"http://{realm}/token?a=b\",service=\"a registry\""
            );
            StubAnswer::status("401 No", &[challenge])
        });
        let (machine, addr) = (Machine::new(), registry.addr().to_string());
        let image = format!("{addr}/acme/x:1");
        let error = machine.fails(&["pull", &image]);
        assert!(error.contains("wants a login"), "{error}");
        machine.log_in(&auths(&addr, "keywell:wrong"));
        let error = machine.fails(&["pull", &image]);
        assert!(error.contains("refuses the login of"), "{error}");
        machine.log_in(&auths(&addr, "keywell:open sesame"));
        assert!(machine.done(&["pull", &image]).starts_with("sha256:"));
        let path = &tokens.requests()[0].path;
        let expected = "/token?a=b&scope=repository%3Aacme%2Fx%3Apull&service=a+registry";
        assert_eq!(path, expected);
        // The password itself goes to the token server alone.
        let asked = registry.requests();
        let mut headers = asked
            .iter()
            .filter_map(|request| request.header("authorization"));
        assert!(headers.all(|value| value == "Bearer ticket"));
    }
}

#[test]
fn an_identity_token_is_exchanged_and_goes_nowhere_else() {
    let elsewhere = Stub::start(|_| StubAnswer::ok("{\"token\":\"ticket\"}"));
    let place = elsewhere.addr();
    let tokens = Stub::start(move |request: &StubRequest| {
        let form = "scope=repository%3Aacme%2Fx%3Apull&service=s&grant_type=refresh_token\
                    &client_id=keywell&refresh_token=kanarien+vogel";
        match (&*request.method, &*request.path, &*request.body) {
            ("POST", "/token?a=b", body) if body == form => {
                StubAnswer::ok("{\"access_token\":\"ticket\"}")
            }
            ("POST", "/led", _) => {
                let location = format!("location: http://{place}/");
                StubAnswer::status("307 Elsewhere", &[location])
            }
            _ => StubAnswer::status("401 No", &[]),
        }
    });
    let registry = |challenge: &str| {
        let (hosted, challenge) = (Hosted::counter(), format!("www-authenticate: {challenge}"));
        Stub::start(move |request| {
            if request.header("authorization") == Some("Bearer ticket") {
                return hosted.answer(&request.path);
            }
            StubAnswer::status("401 No", std::slice::from_ref(&challenge))
        })
    };
    let bearer = |path: &str| {
        format!(
            "Bearer realm=\"http://{}{path}\",service=\"s\"",
            tokens.addr()
        )
    };
    let machine = Machine::new();
    let pull = |registry: &Stub, identity: &str| {
        let addr = registry.addr().to_string();
        let entry = json!({ "identitytoken": identity });
        machine.log_in(&json!({ "auths": { &addr: entry } }).to_string());
        let (code, said, complained) = machine.run(&["pull", &format!("{addr}/acme/x:1")]);
        assert!(!complained.contains("kanarien"), "{complained}");
        (code, said + &complained)
    };
    let good = registry(&bearer("/token?a=b"));
    let (code, said) = pull(&good, "kanarien vogel");
    assert_eq!(code, 0, "{said}");
    let mut asked = good.requests().into_iter();
    assert!(asked.all(|request| !format!("{request:?}").contains("kanarien")));
    let (code, said) = pull(&good, "another");
    assert!(code == 1 && said.contains("refuses the login of"), "{said}");
    let (code, said) = pull(&registry(&bearer("/led")), "kanarien vogel");
    assert!(code == 1 && said.contains("its status is 307"), "{said}");
    assert!(elsewhere.requests().is_empty());
    let (code, said) = pull(&registry("Basic realm=\"x\""), "kanarien vogel");
    assert!(
        code == 1 && said.contains("the login is an identity token"),
        "{said}"
    );
}
