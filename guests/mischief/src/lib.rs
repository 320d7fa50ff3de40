//! Misbehaves on request, one path a misdeed, so that tests can watch a server cope.
//!
//! Answers are plain text without a newline at the end: `ok`, a number, a value, `none`, or `error: other: TEXT`,
//! `error: access-denied`, `error: no-such-store`. A parameter left out is `key=key`, `value=`, `n=1`.
//!
//! | Path | What it does |
//! |---|---|
//! | `/trap` | executes `unreachable` |
//! | `/loop` | computes for ever |
//! | `/sleep` | waits an hour on the clock |
//! | `/grow` | grows and touches memory until refused; answers `stopped at N pages` |
//! | `/sockets` | makes 200000 sockets of each kind and keeps them; answers how many of each, and why no more |
//! | `/no-response` | returns without an answer |
//! | `/stdout?text=T` | prints to standard output and standard error |
//! | `/stream?n=N` | answers N bytes in pieces |
//! | `/flood?n=N` | answers N bytes, as much at once as it may |
//! | `/echo` | answers the request's body while reading it |
//! | `/declared?length=L&n=N` | declares L bytes and writes N at once; with `wait=`, waits 200 ms before it ends the body |
//! | `/length?value=V` | answers no body, with `content-length: V` |
//! | `/unfinished?n=N` | writes N bytes, and drops the body without an end; with `wait=`, waits 200 ms before that |
//! | `/leak?n=N` | writes N bytes, and keeps the body without an end |
//! | `/status?n=N` | answers `ok` with the status N |
//! | `/target` | answers the request's scheme, authority and path |
//! | `/served` | answers how many of these requests its instance has had |
//! | `/sink` | reads the request's body to its end; answers its length |
//! | `/linger` | finishes its answer, then waits an hour on the clock |
//! | `/slow-body` | answers `first`, 200 ms later `second` |
//! | `/hang-body` | answers `first`, then computes for ever |
//! | `/fetch?url=U` | fetches a URL; answers `STATUS BYTES`, or `error: CODE` |
//! | `/after` | finishes its answer, then increments `after` |
//! | `/denied?bucket=B` | opens a bucket; answers `opened` |
//! | `/handles` | opens 200000 handles and keeps them; answers `opened N` and on another line the error |
//! | `/dropped` | uses a handle after dropping it |
//! | `/get?key=K` `/set?key=K&value=V` `/delete?key=K` | one plain operation |
//! | `/many?key=K&n=N` | increments N times; answers the last number |
//! | `/big?n=N` | sets a value of N bytes; without `n`, the most it can allocate up to 1 GiB |
//! | `/text` | increments a value that is no number |
//! | `/overflow` | increments past the largest number; answers that, and on another line the value now stored |
//! | `/cursor` | lists from a forged cursor; answers `listed N keys` |
//! | `/keys?n=N` | sets N keys, then lists the bucket; answers `N keys in P pages` |

mod bodies;
mod buckets;
mod fetch;
mod instance;
mod query;

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use bodies::Body;
use query::Query;

wit_bindgen::generate!({ path: "../../wit/keyvalue-0.2.0-draft2", world: "imports" });

struct Mischief;

wasip2::http::proxy::export!(Mischief);

impl Guest for Mischief {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let query = Query::new(query);

        let answer = match path {
            "/trap" => core::arch::wasm32::unreachable(),
            "/loop" => instance::compute_for_ever(),
            "/sleep" => Ok(instance::sleep_an_hour()),
            "/grow" => Ok(instance::grow()),
            "/stdout" => Ok(instance::print(&query.text("text"))),
            "/fetch" => Ok(fetch::fetch(&query.text("url"))),
            "/sockets" => Ok(instance::sockets()),
            "/no-response" => return,
            "/stream" => return bodies::stream(out, query.number("n")),
            "/flood" => return bodies::flood(out, query.number("n")),
            "/echo" => return bodies::echo(out, &request),
            "/declared" => return bodies::declared(out, &query),
            "/length" => return bodies::length(out, &query.text("value")),
            "/unfinished" => return bodies::unfinished(out, &query),
            "/leak" => return bodies::leak(out, query.number("n")),
            "/status" => {
                let status = u16::try_from(query.number("n")).unwrap_or(0);
                return Body::start(out, status).answer("ok");
            }
            "/target" => Ok(bodies::target(&request)),
            "/served" => Ok(instance::served().to_string()),
            "/sink" => Ok(bodies::sink(&request).to_string()),
            "/linger" => {
                Body::start(out, 200).answer("ok");
                instance::sleep_an_hour();
                return;
            }
            "/slow-body" => return bodies::slow(out),
            "/hang-body" => return bodies::hang(out),
            "/after" => return buckets::increment_after(Body::start(out, 200)),
            "/denied" => buckets::open(&query.text("bucket")),
            "/handles" => Ok(buckets::open_many()),
            "/dropped" => buckets::use_after_drop(),
            "/get" => buckets::get(&query.text("key")),
            "/set" => buckets::set(&query.text("key"), &query.text("value")),
            "/delete" => buckets::delete(&query.text("key")),
            "/many" => buckets::increment_many(&query.text("key"), query.number("n")),
            "/big" => buckets::set_big(query.given("n").and_then(|n| n.parse().ok())),
            "/text" => buckets::increment_text(),
            "/overflow" => buckets::overflow(),
            "/cursor" => buckets::list_from_forged_cursor(),
            "/keys" => buckets::list_many(query.number("n")),
            _ => return Body::start(out, 404).answer("no such mischief"),
        };
        let text = answer.unwrap_or_else(|error| buckets::describe(&error));
        Body::start(out, 200).answer(&text);
    }
}
