//! Answers requests with one call each of `wasmcloud:keyvalue@0.2.0`, on the bucket `default`.
//!
//! | Path | What it calls, and answers |
//! |---|---|
//! | `/get?KEY` | `get` |
//! | `/ten?KEY` | ten times `get` at once |
//! | `/set?KEY&VALUE`, `/set?KEY&VALUE&MS` | `set`, with a time to live of so many milliseconds |
//! | `/add?KEY&VALUE` | `set` of a key that is not there |
//! | `/delete?KEY` | `delete`, then `exists` |
//! | `/list?PREFIX` | `list-keys` |
//! | `/increment?KEY&DELTA` | `increment` |
//! | `/current?KEY` | `current` |
//! | `/swap?KEY&VALUE&VERSION&OLD` | `swap`; an empty version or value is no condition |
//! | `/many` | `set-many`, `get-many` and `delete-many` |
//! | `/open?NAME` | `open` of another bucket |

mod answer;

use std::task::Poll;

use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Request, Response};

use wasmcloud::keyvalue::cas::{self, CasOptions, CasResult};
use wasmcloud::keyvalue::types::{Bucket, Error, SetOptions};
use wasmcloud::keyvalue::{atomics, batch, store};

wit_bindgen::generate!({
    path: "../../wit/wasmcloud-keyvalue-0.2.0",
    world: "imports",
    generate_all,
});

struct Cloud;

wasip3::http::service::export!(Cloud);

impl Guest for Cloud {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let target = request.get_path_with_query().unwrap_or_default();
        let text = match call(&target).await {
            Ok(text) => text,
            Err(error) => format!("{error:?}"),
        };
        Ok(answer::text(text))
    }
}

async fn call(target: &str) -> Result<String, Error> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut words = query.split('&').map(str::to_owned);
    let mut next = || words.next().unwrap_or_default();
    let (key, value, third, fourth) = (next(), next(), next(), next());
    if path == "/open" {
        return store::open(key).await.map(|_| "opened".to_owned());
    }
    let bucket = store::open("default".to_owned()).await?;
    let options = |ttl_ms, if_not_exists| {
        Some(SetOptions {
            ttl_ms,
            if_not_exists,
        })
    };
    match path {
        "/get" => bucket.get(key).await.map(shown),
        "/ten" => {
            let mut reading: Vec<_> = (0..10).map(|_| Box::pin(bucket.get(key.clone()))).collect();
            let mut read = Vec::new();
            std::future::poll_fn(|cx| {
                reading.retain_mut(|reading| match reading.as_mut().poll(cx) {
                    Poll::Ready(answer) => {
                        read.push(answer.map(shown));
                        false
                    }
                    Poll::Pending => true,
                });
                if reading.is_empty() {
                    return Poll::Ready(());
                }
                Poll::Pending
            })
            .await;
            Ok(read.into_iter().collect::<Result<Vec<_>, _>>()?.join(" "))
        }
        "/set" => {
            let options = options(third.parse().ok(), false);
            let set = bucket.set(key, value.into_bytes(), options).await;
            set.map(|()| "set".to_owned())
        }
        "/add" => {
            let set = bucket.set(key, value.into_bytes(), options(None, true));
            set.await.map(|()| "set".to_owned())
        }
        "/delete" => {
            bucket.delete(key.clone()).await?;
            bucket.exists(key).await.map(|exists| exists.to_string())
        }
        "/list" => {
            let prefix = (!key.is_empty()).then_some(key);
            let page = bucket.list_keys(prefix, None).await?;
            let mut keys = page.keys;
            keys.sort();
            Ok(keys.join(" "))
        }
        "/increment" => {
            let delta = value.parse().unwrap_or(1);
            let sum = atomics::increment(&bucket, key, delta).await;
            sum.map(|sum| sum.to_string())
        }
        "/current" => {
            let entry = cas::current(&bucket, key).await?;
            Ok(entry.map_or_else(
                || "none".to_owned(),
                |entry| format!("{} {}", text(&entry.value), entry.version),
            ))
        }
        "/swap" => {
            let options = CasOptions {
                require_version: (!third.is_empty()).then_some(third),
                require_value: (!fourth.is_empty()).then_some(fourth.into_bytes()),
            };
            Ok(
                match cas::swap(&bucket, key, value.into_bytes(), options).await? {
                    CasResult::Swapped => "swapped".to_owned(),
                    CasResult::Stale(entry) => {
                        format!("stale: {}", shown(entry.map(|entry| entry.value)))
                    }
                },
            )
        }
        "/many" => many(&bucket).await,
        _ => Ok("no such call".to_owned()),
    }
}

async fn many(bucket: &Bucket) -> Result<String, Error> {
    let pair = |key: &str, value: &str| (key.to_owned(), value.as_bytes().to_vec());
    let keys = || ["b", "none", "a"].map(str::to_owned).to_vec();
    batch::set_many(bucket, [pair("a", "1"), pair("b", "2")].to_vec()).await?;
    let found = batch::get_many(bucket, keys()).await?.into_iter();
    let found: Vec<String> = found
        .map(|pair| pair.map_or_else(|| "none".to_owned(), |(key, value)| key + &text(&value)))
        .collect();
    batch::delete_many(bucket, keys()).await?;
    let left = bucket.exists("a".to_owned()).await?;
    Ok(format!("{} {left}", found.join(" ")))
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

fn shown(value: Option<Vec<u8>>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| text(&value))
}
