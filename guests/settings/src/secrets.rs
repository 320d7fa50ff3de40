wit_bindgen::generate!({ path: "../../wit/secrets-0.1.0-draft", world: "imports" });

use self::wasmcloud::secrets::reveal::reveal;
use self::wasmcloud::secrets::store::{SecretValue, SecretsError, get};

pub fn show(key: &str) {
    match get(key) {
        Ok(secret) => match reveal(&secret) {
            SecretValue::String(text) => println!("{key}: {text}"),
            SecretValue::Bytes(bytes) => println!("{key}: {bytes:?}"),
        },
        Err(error) => println!("{key}: {}", describe(&error)),
    }
}

pub fn hold(rest: &str) -> Option<()> {
    let (key, times) = rest.split_once(':')?;
    let mut held = Vec::new();
    for _ in 0..times.parse::<u32>().ok()? {
        match get(key) {
            Ok(secret) => held.push(secret),
            Err(error) => {
                // Printing needs a handle, too.
                drop(held);
                println!("{key}: {}", describe(&error));
                return Some(());
            }
        }
    }
    println!("{key}: held");
    Some(())
}

fn describe(error: &SecretsError) -> String {
    match error {
        SecretsError::Upstream(text) | SecretsError::Io(text) => text.clone(),
        SecretsError::NotFound => "not-found".to_owned(),
    }
}
