//! Counts the requests to each path, as `counter` does, with Spin's SDK as it is: for a host of `fermyon:spin`.
//!
//! `?store=LABEL` chooses a store. `?get` answers the count as it is, `?delete` forgets it, and `?keys` lists the paths. The
//! variable `label` stands in the place of `Counter`.

use spin_sdk::http::{Request, Response};
use spin_sdk::http_component;
use spin_sdk::key_value::{Error, Store};
use spin_sdk::variables;

#[http_component]
#[expect(clippy::needless_pass_by_value, reason = "the macro hands it over")]
fn handle(request: Request) -> Response {
    let (status, text) = match answer(request.path(), request.query()) {
        Ok(text) => (200, text),
        Err(error) => (500, describe(error)),
    };
    Response::builder()
        .status(status)
        .header("content-type", "text/plain")
        .body(format!("{text}\n"))
        .build()
}

fn answer(path: &str, query: &str) -> Result<String, Error> {
    let asks = |name| query.split('&').any(|part| part == name);
    let label = query
        .split('&')
        .find_map(|part| part.strip_prefix("store="));
    let store = match label {
        Some(label) => Store::open(label)?,
        None => Store::open_default()?,
    };
    if asks("keys") {
        let mut keys = store.get_keys()?;
        keys.sort();
        return Ok(keys.join(" "));
    }
    if asks("delete") {
        store.delete(path)?;
        return Ok(format!("{path} is there: {}", store.exists(path)?));
    }
    let count = store.get(path)?;
    let count = count.map_or_else(|| "0".to_owned(), |count| text(&count));
    if asks("get") {
        return Ok(count);
    }
    let count = count.parse::<u64>().unwrap_or_default() + 1;
    store.set(path, count.to_string().as_bytes())?;
    let label = variables::get("label").unwrap_or_else(|_| "Counter".to_owned());
    Ok(format!("{label} {path}: {count}"))
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

fn describe(error: Error) -> String {
    match error {
        Error::StoreTableFull => "store-table-full".to_owned(),
        Error::NoSuchStore => "no-such-store".to_owned(),
        Error::AccessDenied => "access-denied".to_owned(),
        Error::Other(text) => text,
    }
}
