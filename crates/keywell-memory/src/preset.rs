use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use keywell_export::{Batches, Entry};
use keywell_store::layer::Limits;
use keywell_store::{BucketName, Error, Failure, Result, Set, Store};

use crate::MemoryStore;

/// Sets the keys of an export file in the store's default bucket. Keys that have expired are left
/// out.
///
/// # Errors
///
/// For a file that cannot be read or has a line that is wrong, and for keys that the store does not
/// take.
pub(crate) async fn fill(store: &MemoryStore, file: PathBuf) -> Result<()> {
    let reading = tokio::task::spawn_blocking(move || read(&file));
    let entries = reading.await.map_err(|error| failed(error.to_string()))??;
    let bucket = store.open(&BucketName::default()).await?;
    let now = SystemTime::now();
    for Entry {
        key, value, expiry, ..
    } in entries
    {
        match expiry.map(|expiry| expiry.ttl(now)) {
            None => bucket.set(&key, value, Set::default()).await?,
            Some(Some(ttl)) => bucket.set(&key, value, Set { ttl: Some(ttl) }).await?,
            Some(None) => continue,
        };
    }
    Ok(())
}

fn read(file: &Path) -> Result<Vec<Entry>> {
    let name = file.display();
    let opened = File::open(file)
        .map_err(|error| failed(format!("cannot read the preset {name}: {error}")))?;
    let mut entries = Vec::new();
    for batch in Batches::new(BufReader::new(opened), Limits::default()) {
        let batch = batch.map_err(|flaw| failed(format!("the preset {name} is wrong: {flaw}")))?;
        entries.extend(batch.entries);
    }
    Ok(entries)
}

fn failed(problem: String) -> Error {
    Error::Unavailable(Failure::new(problem))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use keywell_store::{Making, OpenError, Provider as _};

    use crate::MemoryProvider;

    use super::*;

    async fn open(file: &Path) -> std::result::Result<std::sync::Arc<dyn Store>, OpenError> {
        let url = format!("memory:?preset={}", file.display());
        MemoryProvider
            .open(&url.parse().unwrap(), Making::Allowed)
            .await
    }

    #[tokio::test]
    async fn a_store_begins_with_the_keys_of_its_preset() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.jsonl");
        let lines = [
            r#"{"key":"tea","value":"green"}"#,
            r#"{"key":"tea","value":"white"}"#,
            r#"{"key":"runs","value":"41"}"#,
            r#"{"key":"soon","value":"x","expiration_ttl":3600}"#,
            r#"{"key":"past","value":"x","expiration":1}"#,
        ];
        fs::write(&file, lines.join("\n")).unwrap();
        let store = open(&file).await.unwrap();
        let bucket = store.open(&BucketName::default()).await.unwrap();
        let keys = bucket.list(keywell_store::List::default()).await.unwrap();
        assert_eq!(keys.keys, ["runs", "soon", "tea"]);
        assert_eq!(bucket.get("tea").await.unwrap().unwrap().value, "white");
        assert_eq!(bucket.increment("runs", 1).await.unwrap(), 42);
        // Each has its own.
        let other = open(&file).await.unwrap();
        let bucket = other.open(&BucketName::default()).await.unwrap();
        assert_eq!(bucket.increment("runs", 1).await.unwrap(), 42);
    }

    #[tokio::test]
    async fn a_preset_that_is_missing_or_wrong_is_an_error_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.jsonl");
        let error = open(&file).await.map(drop).unwrap_err().to_string();
        assert!(error.contains("cannot read the preset"), "{error}");
        fs::write(&file, "{\"key\":\"a\",\"value\":\"b\"}\nx\n").unwrap();
        let error = open(&file).await.map(drop).unwrap_err().to_string();
        assert!(error.contains("keys.jsonl is wrong: line 2"), "{error}");
    }
}
