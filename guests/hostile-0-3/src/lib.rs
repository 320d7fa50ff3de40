//! Attacks its host as `hostile` does, and tests it, for WASI 0.3: one path each.
//!
//! | Path | What it does |
//! |---|---|
//! | `/hello` | answers `hello` |
//! | `/request` | answers scheme, authority and path of the request, separated by blanks |
//! | `/echo` | answers the request's body as it comes, and its trailers |
//! | `/copy` | reads the request's body and writes it as the answer |
//! | `/trailers` | answers a text and a trailer |
//! | `/length?declared=N&n=N` | declares a length and sends another |
//! | `/stream?n=N` | answers N bytes in pieces |
//! | `/endless` | answers for ever |
//! | `/sleep?ms=N` | waits before it answers |
//! | `/after?ms=N` | waits after it has answered, then counts in the bucket |
//! | `/counted` | answers how often `/after` has counted |
//! | `/loop`, `/hold` | begins an answer, then computes for ever or waits for an hour |
//! | `/churn` | begins an answer, then computes 9 ms and yields, for ever |
//! | `/spin` | computes for ever before it answers |
//! | `/yield` | yields to other tasks for ever before it answers |
//! | `/grow` | grows and touches its memory to the limit |
//! | `/fields?n=N`, `/requests?n=N` | makes N large header sets, or as many requests with them |
//! | `/pipes?n=N` | makes N streams and futures |
//! | `/waits?n=N` | begins N waits and holds them all |
//! | `/random?n=N` | asks for N random bytes in one call |
//! | `/flood?n=N` | prints N bytes in lines |
//! | `/get?to=HOST` | sends a request, and answers its body |
//! | `/outgoing?n=N&to=HOST` | sends N requests whose answers it never takes |
//! | `/trap` | ends by a trap |
//! | `/error` | answers an error |
//! | `/seen` | answers how many requests the instance has had |
//! | `/together` | answers how many requests the instance has at once |

mod answers;
mod host;
mod query;

use std::cell::Cell;

use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Request, Response};

use query::Query;

wit_bindgen::generate!({ path: "../../wit/keyvalue-0.2.0-draft2", world: "imports" });

thread_local! {
    static SEEN: Cell<u64> = const { Cell::new(0) };
    static TOGETHER: Cell<u64> = const { Cell::new(0) };
}

/// A request that the instance has.
struct Had;

struct Hostile;

wasip3::http::service::export!(Hostile);

impl Guest for Hostile {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        SEEN.set(SEEN.get() + 1);
        let _had = Had::new();
        let target = request.get_path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let query = Query::new(query);
        let n = query.number("n");
        let text = match path {
            "/hello" => "hello".into(),
            "/request" => answers::describe(&request),
            "/sleep" => host::sleep(query.number("ms")).await,
            "/spin" => host::compute_for_ever(),
            "/yield" => host::yield_for_ever().await,
            "/grow" => host::grow(),
            "/fields" => host::fields(n),
            "/requests" => host::requests(n),
            "/pipes" => host::pipes(n),
            "/waits" => host::waits(n).await,
            "/random" => host::random(n),
            "/flood" => host::flood(n).await,
            "/get" => host::get(query.text("to")).await,
            "/outgoing" => host::outgoing(n, query.text("to")).await,
            "/counted" => host::counted(),
            "/seen" => SEEN.get().to_string(),
            "/together" => {
                host::sleep(query.number("ms")).await;
                TOGETHER.get().to_string()
            }
            "/trap" => core::arch::wasm32::unreachable(),
            "/error" => return Err(ErrorCode::InternalError(Some("as it was asked to".into()))),
            "/echo" => return Ok(answers::echo(request)),
            "/copy" => return Ok(answers::copy(request)),
            "/trailers" => return Ok(answers::trailers()),
            "/length" => return Ok(answers::length(query.number("declared"), n)),
            "/stream" => return Ok(answers::stream(n)),
            "/endless" => return Ok(answers::stream(u64::MAX)),
            "/after" => return Ok(answers::then(host::count_after(query.number("ms")))),
            "/after-yield" => return Ok(answers::then(async { host::yield_for_ever().await })),
            "/loop" => return Ok(answers::begin_then(async { host::compute_for_ever() })),
            "/churn" => return Ok(answers::begin_then(async { host::churn_for_ever().await })),
            "/hold" => {
                return Ok(answers::begin_then(async {
                    drop(host::sleep(3_600_000).await);
                }));
            }
            _ => "no such attack".into(),
        };
        Ok(answers::text(&text))
    }
}

// === impl Had ===

impl Had {
    fn new() -> Self {
        TOGETHER.set(TOGETHER.get() + 1);
        Self
    }
}

impl Drop for Had {
    fn drop(&mut self) {
        TOGETHER.set(TOGETHER.get() - 1);
    }
}
