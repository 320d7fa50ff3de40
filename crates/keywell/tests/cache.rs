//! `wasi:keyvalue/cache`: values that are gone after a time, and keys that one of many callers
//! fills.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::time::Instant;

use keywell_servers::Redis;
use support::application::Application;
use support::{PATIENCE, Server, guest};

const GUESTS: [&str; 2] = ["cacher", "cacher_unversioned"];

/// A call of `get-or-set` that is under way in an instance of its own.
struct Caller {
    connection: BufReader<TcpStream>,
}

// === impl Caller ===

impl Caller {
    /// Asks for a key, which it would fill with a value.
    fn start(server: &Server, key: &str, value: &str) -> Self {
        Self::start_with(server, &format!("key={key}&value={value}"))
    }

    fn start_with(server: &Server, query: &str) -> Self {
        Self::start_at(&server.address, query)
    }

    fn start_at(address: &str, query: &str) -> Self {
        let mut connection = TcpStream::connect(address).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        connection.set_write_timeout(Some(PATIENCE)).unwrap();
        write!(
            connection,
            "POST /get-or-set?{query} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        .unwrap();
        let mut connection = BufReader::new(connection);
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            assert!(connection.read_line(&mut line).unwrap() > 0, "no answer");
        }
        Self { connection }
    }

    /// The next line of its answer; none after the last.
    fn line(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            // One that is cut off ends in a reset as well as in an end.
            if self.connection.read_line(&mut line).unwrap_or(0) == 0 {
                return None;
            }
            let line = line.trim_end();
            // What is around each piece of the body.
            if !line.is_empty() && u64::from_str_radix(line, 16).is_err() {
                return Some(line.to_owned());
            }
        }
    }

    fn says(&mut self, expected: &str) {
        assert_eq!(self.line().as_deref(), Some(expected));
    }

    /// What it finds, which a store that has to be waited for does not know at once.
    fn finds(&mut self, expected: &str) {
        let line = self.line().filter(|line| line != "waiting");
        let line = line.or_else(|| self.line());
        assert_eq!(line.as_deref(), Some(expected));
    }

    /// Sends what it is to do with the vacancy.
    fn order(&mut self, order: &str) {
        let length = order.len();
        let connection = self.connection.get_mut();
        write!(connection, "{length:x}\r\n{order}\r\n0\r\n\r\n").unwrap();
    }

    fn go_away(self) {
        let connection = self.connection.into_inner();
        connection.shutdown(Shutdown::Both).unwrap();
    }
}

fn get(server: &Server, path: &str) -> String {
    server.get(path).text().trim_end().to_owned()
}

/// Asks until a key is gone.
fn wait_until_gone(server: &Server, key: &str) {
    let since = Instant::now();
    while get(server, &format!("/get?key={key}")) != "none" {
        assert!(since.elapsed() < PATIENCE, "the key {key} stays");
    }
}

fn callers_wait_for_the_one_that_fills(store: &str) {
    for guest in GUESTS {
        let server = Server::start(guest, &["--store", store]);
        let mut first = Caller::start(&server, guest, "green+tea");
        first.finds("vacant");
        let mut others: Vec<_> = (0..3)
            .map(|_| {
                let mut other = Caller::start(&server, guest, "black");
                other.says("waiting");
                other
            })
            .collect();
        // Another key is not waited for.
        let mut elsewhere = Caller::start(&server, "another", "milk");
        elsewhere.finds("vacant");
        assert_eq!(get(&server, &format!("/get?key={guest}")), "none");
        first.order("fill");
        first.says("filled");
        for other in &mut others {
            other.says("occupied green tea");
        }
        let mut late = Caller::start(&server, guest, "black");
        late.finds("occupied green tea");
        elsewhere.order("fill");
        elsewhere.says("filled");
        assert_eq!(get(&server, "/get?key=another"), "milk");
        assert_eq!(get(&server, "/delete?key=another"), "ok");
    }
}

fn a_vacancy_passes_on(store: &str) {
    let server = Server::start("cacher", &["--store", store]);
    for order in ["drop", "begin", "trap", "twice", "drop-twice", "away"] {
        let mut first = Caller::start(&server, order, "green");
        first.finds("vacant");
        let mut second = Caller::start(&server, order, "black");
        second.says("waiting");
        match order {
            "away" => first.go_away(),
            order => first.order(order),
        }
        second.says("vacant");
        assert_eq!(get(&server, &format!("/exists?key={order}")), "false");
        let mut third = Caller::start(&server, order, "white");
        third.says("waiting");
        second.order("fill");
        second.says("filled");
        third.says("occupied black");
    }
}

#[test]
fn callers_in_other_instances_wait_for_the_one_that_fills_the_vacancy() {
    let folder = tempfile::tempdir().unwrap();
    callers_wait_for_the_one_that_fills("memory:");
    callers_wait_for_the_one_that_fills(&format!("disk:{}", folder.path().display()));
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_wait_for_the_one_that_fills_the_vacancy_of_a_redis() {
    let redis = Redis::start().await.unwrap();
    callers_wait_for_the_one_that_fills(&redis.url());
    assert_eq!(
        redis
            .cli(&["get", "cache:cacher"])
            .await
            .unwrap()
            .trim_end(),
        "green tea"
    );
}

#[test]
fn a_vacancy_that_is_given_up_passes_to_the_next_caller() {
    a_vacancy_passes_on("memory:");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vacancy_of_a_redis_that_is_given_up_passes_to_the_next_caller() {
    let redis = Redis::start().await.unwrap();
    a_vacancy_passes_on(&redis.url());
}

#[test]
fn a_second_value_for_a_vacancy_is_refused() {
    let server = Server::start("cacher", &["--store", "memory:"]);
    let mut caller = Caller::start(&server, "tea", "green");
    caller.finds("vacant");
    caller.order("twice");
    caller.says("error: access denied: the vacancy was filled before");
    assert_eq!(get(&server, "/get?key=tea"), "none");
}

#[test]
fn values_are_gone_after_their_time_to_live() {
    for guest in GUESTS {
        let folder = tempfile::tempdir().unwrap();
        for store in ["memory:", &format!("disk:{}", folder.path().display())] {
            let server = Server::start(guest, &["--store", store]);
            assert_eq!(get(&server, "/set?key=tea&value=green&ttl=1"), "ok");
            wait_until_gone(&server, "tea");
            assert_eq!(get(&server, "/set?key=tea&value=green&ttl=600000"), "ok");
            assert_eq!(get(&server, "/get?key=tea"), "green");
            let refused = get(&server, "/set?key=tea&value=black&ttl=0");
            assert!(refused.starts_with("error: the time to live"), "{refused}");
            assert_eq!(get(&server, "/get?key=tea"), "green");

            let mut first = Caller::start_with(&server, "key=milk&value=oat&ttl=1");
            first.finds("vacant");
            first.order("fill");
            first.says("filled");
            wait_until_gone(&server, "milk");
            let mut again = Caller::start_with(&server, "key=milk&value=oat&ttl=0");
            again.finds("vacant");
            again.order("fill");
            let refused = again.line().unwrap();
            assert!(refused.starts_with("error: the time to live"), "{refused}");
            let mut next = Caller::start(&server, "milk", "oat");
            next.finds("vacant");
        }
    }
}

#[test]
fn an_answer_is_taken_once() {
    for guest in GUESTS {
        let server = Server::start(guest, &["--store", "memory:"]);
        assert_eq!(get(&server, "/set?key=tea&value=green"), "ok");
        assert_eq!(get(&server, "/exists?key=tea"), "true");
        assert_eq!(
            get(&server, "/taken?key=tea"),
            "first some, second none, ready true"
        );
        assert_eq!(get(&server, "/delete?key=tea"), "ok");
        assert_eq!(get(&server, "/exists?key=tea"), "false");
        assert_eq!(
            get(&server, "/taken?key=tea"),
            "first some, second none, ready true"
        );
    }
}

#[test]
fn what_a_guest_asks_for_is_bounded() {
    let server = Server::start("cacher", &["--store", "memory:", "--memory", "4MiB"]);
    let (key, value) = ("key=large", "x".repeat(8 << 10));
    assert_eq!(get(&server, &format!("/set?{key}&value={value}")), "ok");
    let all = get(&server, &format!("/many?{key}&n=300"));
    assert_eq!(all, "300 values; no error");
    let bounded = get(&server, &format!("/many?{key}&n=1000"));
    let (values, error) = bounded.split_once(" values; error: ").unwrap();
    let values: u32 = values.parse().unwrap();
    assert!((300..520).contains(&values), "{bounded}");
    assert!(!error.is_empty(), "{bounded}");
    let many = get(&server, "/many?key=none&n=10000");
    assert!(
        many.ends_with("error: at most 4096 handles may be open at once"),
        "{many}"
    );
    assert_eq!(get(&server, "/exists?key=large"), "true");
}

#[test]
fn a_caller_that_waits_for_itself_ends_with_its_time_and_the_next_is_let_in() {
    for guest in GUESTS {
        let server = Server::start(guest, &["--store", "memory:", "--timeout", "2s"]);
        let mut first = Caller::start(&server, "tea", "green");
        first.finds("vacant");
        first.order("poll");
        assert_eq!(first.line(), None);
        let mut next = Caller::start(&server, "tea", "black");
        next.finds("vacant");
        next.order("fill");
        next.says("filled");
        assert_eq!(get(&server, "/get?key=tea"), "black");
    }
}

#[test]
fn a_value_that_is_consumed_after_its_drop_fails_the_call_alone() {
    for guest in GUESTS {
        let server = Server::start(guest, &["--store", "memory:"]);
        assert_eq!(get(&server, "/set?key=tea&value=green"), "ok");
        let response = server.get("/dropped?key=tea");
        // The head may be sent already.
        let is_failure = response.status == 500 || !response.complete;
        assert!(is_failure, "{}", response.text());
        assert_eq!(get(&server, "/get?key=tea"), "green");
    }
}

/// An application of components that have their own grants on one bucket, and an HTTP trigger each.
/// The triggers' addresses are in the order of the components.
fn sharing(
    folder: &Path,
    components: &[(&str, &str)],
    trigger: &str,
) -> (Application, Vec<String>) {
    let path = guest("cacher");
    let path = path.to_str().unwrap();
    let parts = components.iter().map(|(name, cache)| {
        format!(
            "[component.{name}]\npath = {path:?}\nbuckets.cache = {cache}\n\
             \n[[trigger.http]]\ncomponent = {name:?}\naddr = \"127.0.0.1:0\"\n{trigger}\n"
        )
    });
    let parts: Vec<String> = parts.collect();
    let text = format!("[store.main]\nurl = \"memory:\"\n{}", parts.concat());
    let application = Application::start(folder, &text);
    let addresses = application.lines.iter().map(|line| {
        let address = line.split("http://").nth(1).unwrap();
        address.split(' ').next().unwrap().to_owned()
    });
    let addresses = addresses.collect();
    (application, addresses)
}

#[test]
fn a_component_that_may_only_read_the_cache_waits_for_others_and_takes_no_vacancy() {
    let folder = tempfile::tempdir().unwrap();
    let reading = "{ bucket = \"shared\", read-only = true }";
    let components = [("reader", reading), ("writer", "\"shared\"")];
    let (application, addresses) = sharing(folder.path(), &components, "");
    let (reader, writer) = (&addresses[0], &addresses[1]);
    let refused = "error: access denied: the key is vacant, and the cache is granted for reading \
                   only";
    let mut alone = Caller::start_at(reader, "key=tea&value=green");
    alone.says(refused);
    let mut filling = Caller::start_at(writer, "key=tea&value=green");
    filling.says("vacant");
    let mut waiting = Caller::start_at(reader, "key=tea&value=black");
    waiting.says("waiting");
    let mut late = Caller::start_at(writer, "key=tea&value=white");
    late.says("waiting");
    filling.order("drop");
    filling.says("dropped");
    waiting.says(refused);
    late.says("vacant");
    let mut again = Caller::start_at(reader, "key=tea&value=black");
    again.says("waiting");
    late.order("fill");
    late.says("filled");
    again.says("occupied white");
    application.stop();
}

#[test]
fn an_instance_that_could_be_used_again_is_not_where_it_keeps_others_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let components = [("writer", "\"shared\"")];
    let (application, addresses) = sharing(folder.path(), &components, "reuse = 100");
    for order in ["keep", "keep-value", "keep-future"] {
        let query = format!("key={order}&value=green");
        let mut first = Caller::start_at(&addresses[0], &query);
        first.says("vacant");
        first.order(order);
        first.says("kept");
        let mut next = Caller::start_at(&addresses[0], &query);
        next.finds("vacant");
        next.order("fill");
        next.says("filled");
    }
    application.stop();
}

#[test]
fn a_cache_that_is_not_granted_is_an_error_in_every_answer() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "[store.main]\nurl = \"memory:\"\n\
         [component.c]\npath = {:?}\n\
         buckets.other = {{ store = \"main\" }}\n\
         \n[[trigger.http]]\ncomponent = \"c\"\naddr = \"127.0.0.1:0\"\n",
        guest("cacher").to_str().unwrap(),
    );
    let application = Application::start(folder.path(), &text);
    for path in [
        "/get",
        "/set?value=v",
        "/exists",
        "/delete",
        "/get-or-set?value=v",
    ] {
        let answer = application.get(path).text().trim_end().to_owned();
        assert!(
            answer.starts_with("error: access denied"),
            "{path}: {answer}"
        );
    }
    application.stop();
}
