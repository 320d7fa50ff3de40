//! Attacks its host, one path an attack, for `cargo xtask attack`.
//!
//! Everything that a path makes is held until it answers. An answer is plain text: `made N`, with the
//! error behind which no more could be made, or what the path says. Numbers that are left out are 1.
//!
//! | Path | What it does |
//! |---|---|
//! | `/hello` | answers `hello` |
//! | `/request` | answers scheme, authority and path of the request, separated by blanks |
//! | `/sleep` | waits for an hour |
//! | `/loop`, `/hold` | begins an answer, then computes for ever or waits for an hour |
//! | `/stream?n=N` | answers N bytes in pieces |
//! | `/set?key=K&n=N` | sets a value of N bytes |
//! | `/get-many?key=K&n=N` | reads one key N times in one batch |
//! | `/get-each?n=N` | reads the keys `big-0` to `big-N` in one batch |
//! | `/cas?n=N&size=S` | takes N snapshots of a key that changes between them, S bytes each |
//! | `/bodies?n=N` | fills N bodies that are never sent |
//! | `/fields?n=N` | makes N large header sets |
//! | `/outgoing?n=N&to=HOST` | sends N requests whose answers it never takes |
//! | `/grow` | grows and touches its memory to the limit |
//! | `/pollables?n=N`, `/streams?n=N`, `/sockets?n=N` | makes N of them |
//! | `/files?n=N` | opens the file `it` of its folder N times |
//! | `/file-streams?n=N` | does the same, and keeps of each a stream alone |
//! | `/random?n=N` | asks for N random bytes in one call |
//! | `/flood?n=N` | prints N bytes in lines to both outputs |
//! | `/print?text=T` | prints a text to both outputs |
//! | `/trap`, `/no-response` | ends without an answer, by a trap or by returning |
//! | `/break`, `/break-by-trap` | does the same, and leaves the instance unable to answer ever after |
//! | `/status?n=N` | answers with a status |
//! | `/length?declared=N&n=N` | declares a length and sends another |
//! | `/dropped` | makes a response and drops the body before it is complete |

mod answers;
mod host;
mod keys;
mod output;
mod query;

use std::sync::atomic::{AtomicBool, Ordering};

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use query::Query;

wit_bindgen::generate!({ path: "../../wit/keyvalue-0.2.0-draft2", world: "imports" });

/// Whether the instance is damaged, as one of an interpreter is that failed half way.
static IS_BROKEN: AtomicBool = AtomicBool::new(false);

struct Hostile;

wasip2::http::proxy::export!(Hostile);

impl Guest for Hostile {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        if IS_BROKEN.load(Ordering::Relaxed) {
            return;
        }
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let query = Query::new(query);
        let n = query.number("n");
        let text = match path {
            "/hello" => "hello".into(),
            "/request" => answers::describe(&request),
            "/sleep" => host::sleep_an_hour(),
            "/set" => keys::set(query.text("key"), n),
            "/get-many" => keys::get_many(query.text("key"), n),
            "/get-each" => keys::get_each(n),
            "/cas" => keys::snapshots(n, query.number("size")),
            "/bodies" => host::bodies(n),
            "/fields" => host::fields(n),
            "/outgoing" => host::requests(n, query.text("to")),
            "/grow" => host::grow(),
            "/pollables" => host::pollables(n),
            "/streams" => host::streams(n),
            "/sockets" => host::sockets(n),
            "/files" => host::files(n),
            "/file-streams" => host::file_streams(n),
            "/random" => host::random(n),
            "/flood" => output::flood(n),
            "/print" => output::print(&query.decoded("text")),
            "/trap" => core::arch::wasm32::unreachable(),
            "/no-response" => return,
            "/break" => return IS_BROKEN.store(true, Ordering::Relaxed),
            "/break-by-trap" => {
                IS_BROKEN.store(true, Ordering::Relaxed);
                core::arch::wasm32::unreachable()
            }
            "/loop" => return answers::begin_then(out, host::compute_for_ever),
            "/hold" => return answers::begin_then(out, host::sleep_an_hour),
            "/stream" => return answers::stream(out, n),
            "/status" => return answers::status(out, n),
            "/length" => return answers::length(out, query.number("declared"), n),
            "/dropped" => return answers::dropped(out),
            _ => "no such attack".into(),
        };
        answers::text(out, &text);
    }
}
