//! Uses `wasi:keyvalue/cache@0.1.0` on request, so that tests can have several instances do it at once. See
//! [`requests`].

mod entries;
mod lines;
#[path = "../../mischief/src/query.rs"]
mod query;
mod requests;

use requests::Cacher;

wit_bindgen::generate!({
    path: ["../../wit/io-0.2.0", "../../wit/keyvalue-0.1.0"],
    world: "wasi:keyvalue/caching@0.1.0",
    generate_all,
});

wasip2::http::proxy::export!(Cacher);
