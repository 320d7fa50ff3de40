//! `cacher` on `wasi:keyvalue` without a version.

#[path = "../../cacher/src/entries.rs"]
mod entries;
#[path = "../../cacher/src/lines.rs"]
mod lines;
#[path = "../../mischief/src/query.rs"]
mod query;
#[path = "../../cacher/src/requests.rs"]
mod requests;

use requests::Cacher;

wit_bindgen::generate!({
    path: ["../../wit/io-0.2.0", "../../wit/keyvalue"],
    world: "wasi:keyvalue/caching",
    generate_all,
});

wasip2::http::proxy::export!(Cacher);
