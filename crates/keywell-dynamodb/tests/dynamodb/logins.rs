//! Where credentials come from, how URLs are read, and TLS.

use std::process::Command;
use std::sync::Arc;

use keywell_dynamodb::{DynamoDbOptions, DynamoDbProvider, DynamoDbStore};
use keywell_servers::{Ministack, StubAnswer, Tls};
use keywell_store::{Provider, Set, StoreUrl};

use crate::place::{open, options, store};
use crate::recorder::stub;

/// By this, the test that opens a store finds the stub.
const ENDPOINT: &str = "KEYWELL_TEST_ENDPOINT";

fn check(url: &str) -> Result<(), String> {
    let url = url.parse::<StoreUrl>();
    let url = url.map_err(|error| error.to_string())?;
    let provider: &dyn Provider = &DynamoDbProvider;
    provider.check(&url).map_err(|error| error.to_string())
}

#[test]
fn a_url_names_a_table_and_settings_that_fit() {
    for url in [
        "dynamodb://orders",
        "dynamodb://a.b-c_d?region=eu-central-1&create=true",
        "dynamodb://arn:aws:dynamodb:eu-west-1:123456789012:table/orders",
        "dynamodb://orders?endpoint=http://127.0.0.1:8000&answer-timeout=2s",
        "dynamodb://orders?access-key=AKIA&secret-key=s&session-token=t",
        "dynamodb://orders?profile=work",
    ] {
        check(url).unwrap_or_else(|error| panic!("{url}: {error}"));
    }
    for (url, problem) in [
        ("dynamodb:orders", "names no table"),
        ("dynamodb://ab", "names no table"),
        ("dynamodb://key:secret@orders", "names no table"),
        ("dynamodb://orders/b", "names no table"),
        (
            "dynamodb://orders?endpoint=127.0.0.1:8000",
            "endpoint must be a URL",
        ),
        (
            "dynamodb://orders?access-key=AKIA",
            "given together with secret-key",
        ),
        (
            "dynamodb://orders?secret-key=hunter2",
            "given together with access-key",
        ),
        (
            "dynamodb://orders?session-token=hunter2",
            "given together with",
        ),
        ("dynamodb://orders?regoin=x", "no setting regoin"),
    ] {
        let error = check(url).unwrap_err();
        assert!(error.contains(problem), "{url}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn options_show_no_credentials() {
    let options = options("http://127.0.0.1:1".to_owned());
    assert!(!format!("{options:?}").contains("secret"), "{options:?}");
}

/// Not a test by itself: another one runs it, with what it says in the environment.
#[tokio::test]
#[ignore = "run by `credentials_are_found_as_usual`"]
async fn opens_by_the_environment() {
    let Ok(endpoint) = std::env::var(ENDPOINT) else {
        return;
    };
    let options = DynamoDbOptions {
        endpoint: Some(endpoint),
        profile: std::env::var("KEYWELL_TEST_PROFILE").ok(),
        ..DynamoDbOptions::new("stub")
    };
    match DynamoDbStore::open(options).await {
        Ok(_) => println!("opened"),
        Err(error) => println!("failed: {error}"),
    }
}

/// What the test above prints.
fn opened(endpoint: &str, variables: &[(&str, &str)]) -> String {
    let home = tempfile::tempdir().unwrap();
    let files = [
        (
            "config",
            "[default]\nregion = us-west-2\n[profile work]\nregion = eu-west-3\n",
        ),
        (
            "credentials",
            "[work]\naws_access_key_id = OFPROFILE\naws_secret_access_key = secret\n",
        ),
    ];
    for (name, text) in files {
        std::fs::write(home.path().join(name), text).unwrap();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "logins::opens_by_the_environment",
            "--ignored",
            "--nocapture",
        ])
        .env_clear()
        .env(ENDPOINT, endpoint)
        .env("HOME", home.path())
        .env("AWS_CONFIG_FILE", home.path().join("config"))
        .env(
            "AWS_SHARED_CREDENTIALS_FILE",
            home.path().join("credentials"),
        )
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn credentials_are_found_as_usual() {
    let (service, options) = stub(|request| {
        let body = r#"{"AccessKeyId":"OFCONTAINER","SecretAccessKey":"secret","Token":"t",
            "Expiration":"2099-01-01T00:00:00Z"}"#;
        if request.path == "/credentials" {
            StubAnswer::ok(body)
        } else {
            StubAnswer::ok("{}")
        }
    });
    let endpoint = options.endpoint.unwrap();
    let container = format!("{endpoint}/credentials");
    let ours = [
        ("AWS_ACCESS_KEY_ID", "OFENVIRONMENT"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    for (variables, signed) in [
        (&ours[..], "OFENVIRONMENT/"),
        (&[("AWS_PROFILE", "work")][..], "OFPROFILE/"),
        (&[("KEYWELL_TEST_PROFILE", "work")][..], "OFPROFILE/"),
        (
            &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &*container)][..],
            "OFCONTAINER/",
        ),
    ] {
        let before = service.requests().len();
        let printed = opened(&endpoint, variables);
        assert!(printed.contains("opened"), "{signed}: {printed}");
        let requests = service.requests();
        let mut signatures = requests[before..]
            .iter()
            .filter_map(|request| request.header("authorization"));
        let region = if signed == "OFPROFILE/" {
            "eu-west-3"
        } else {
            "us-west-2"
        };
        let is_right = |signature: &str| signature.contains(signed) && signature.contains(region);
        assert!(signatures.any(is_right), "{signed}: {requests:?}");
    }
    let printed = opened(&endpoint, &[]);
    assert!(
        printed.contains("failed: ") && printed.contains("no credentials"),
        "{printed}"
    );
    let nowhere = [ours[0], ours[1], ("AWS_CONFIG_FILE", "/dev/null")];
    let printed = opened(&endpoint, &nowhere);
    assert!(printed.contains("no region"), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_encrypted_and_checked() {
    let tls = Arc::new(Tls::generate().unwrap());
    let server = Ministack::start_with(Some(tls.clone())).await.unwrap();
    let mut trusting = options(server.url());
    trusting.ca = Some(tls.authority());
    let bucket = open(&store(&trusting).await, "b").await;
    bucket.set("k", "v".into(), Set::default()).await.unwrap();
    let text = std::fs::read_to_string(tls.authority()).unwrap();
    let by_text = DynamoDbOptions {
        ca: None,
        ca_pem: Some(text),
        ..trusting.clone()
    };
    let bucket = open(&store(&by_text).await, "b").await;
    assert!(bucket.exists("k").await.unwrap());
    let distrusting = DynamoDbOptions {
        ca: None,
        ..trusting.clone()
    };
    let error = DynamoDbStore::open(distrusting)
        .await
        .map(drop)
        .unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    let missing = DynamoDbOptions {
        ca: Some("/nowhere/ca.pem".into()),
        ..trusting
    };
    let error = DynamoDbStore::open(missing).await.map(drop).unwrap_err();
    assert!(error.to_string().contains("/nowhere/ca.pem"), "{error}");
}
