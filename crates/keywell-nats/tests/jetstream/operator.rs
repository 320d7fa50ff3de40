//! Servers in operator mode, whose users are JWTs that accounts signed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keywell_nats::JetStreamProvider;
use keywell_servers::Nats;
use keywell_store::{Making, Provider as _, Set, StoreUrl};
use nkeys::KeyPair;
use serde_json::{Value, json};

/// A token of claims about a key, signed by another.
fn token(issuer: &KeyPair, subject: &KeyPair, name: &str, claims: &Value) -> String {
    let header = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let mut body = json!({
        "jti": name,
        "iat": 1_700_000_000,
        "iss": issuer.public_key(),
        "sub": subject.public_key(),
        "name": name,
        "nats": claims,
    });
    body["nats"]["version"] = json!(2);
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(&body));
    let signature = issuer.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn account(operator: &KeyPair, key: &KeyPair, name: &str, storage: i64) -> String {
    let claims = json!({
        "type": "account",
        "limits": {
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
            "wildcards": true, "conn": -1, "leaf": -1,
            "mem_storage": storage, "disk_storage": storage, "streams": storage,
            "consumer": storage,
        },
    });
    token(operator, key, name, &claims)
}

fn user(account: &KeyPair, key: &KeyPair) -> String {
    let claims = json!({ "type": "user", "subs": -1, "data": -1, "payload": -1 });
    token(account, key, "user", &claims)
}

async fn open(url: &str) -> Result<std::sync::Arc<dyn keywell_store::Store>, String> {
    let url: StoreUrl = url.parse().unwrap();
    let opened = JetStreamProvider.open(&url, Making::Allowed).await;
    opened.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_jwt_and_its_seed_log_in() {
    let [operator, system, accounts, user_key] = [
        KeyPair::new_operator(),
        KeyPair::new_account(),
        KeyPair::new_account(),
        KeyPair::new_user(),
    ];
    let operator_token = token(&operator, &operator, "o", &json!({ "type": "operator" }));
    let server = Nats::builder()
        .jetstream()
        .logins(format!(
            "operator: {operator_token}\nsystem_account: {}\nresolver: MEMORY\n\
             resolver_preload: {{ {}: {}, {}: {} }}",
            system.public_key(),
            system.public_key(),
            account(&operator, &system, "system", 0),
            accounts.public_key(),
            account(&operator, &accounts, "tests", -1),
        ))
        .start()
        .await
        .unwrap();
    let place = server.addr();
    let jwt = user(&accounts, &user_key);
    let seed = user_key.seed().unwrap();

    let url = format!("nats://{place}?jwt={jwt}&seed={seed}");
    let store = open(&url).await.unwrap();
    let bucket = store
        .open(&keywell_store::BucketName::default())
        .await
        .unwrap();
    bucket.set("k", "v".into(), Set::default()).await.unwrap();
    assert_eq!(bucket.get("k").await.unwrap().unwrap().value, "v");

    // The same in a file, as `nsc` writes it, and by the names of other programs.
    let folder = server.folder();
    let file = folder.join("user.creds");
    let text = format!(
        "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    );
    std::fs::write(&file, text).unwrap();
    for login in [
        format!("credentials={}", file.display()),
        format!("client_jwt={jwt}&client_seed={seed}"),
    ] {
        let store = open(&format!("nats://{place}?{login}")).await.unwrap();
        let bucket = store
            .open(&keywell_store::BucketName::default())
            .await
            .unwrap();
        assert!(bucket.exists("k").await.unwrap());
    }

    // Another key than the JWT is of, a JWT of a stranger, and none.
    let (stranger, other) = (KeyPair::new_account(), KeyPair::new_user());
    let (wrong_seed, forged) = (other.seed().unwrap(), user(&stranger, &user_key));
    for login in [
        format!("?jwt={jwt}&seed={wrong_seed}"),
        format!("?jwt={forged}&seed={seed}"),
        String::new(),
    ] {
        let error = open(&format!("nats://{place}{login}")).await.err().unwrap();
        assert!(error.contains("refuses the credentials"), "{error}");
        assert!(!error.contains(&*seed) && !error.contains(&*jwt), "{error}");
    }
}
