//! Exported functions that are called over HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use keywell_app::config::{
    ComponentPlan, CorsPlan, Draft, HttpPlan, InvokePlan, LinkPlan, PathPlan, Report, TriggerPlan,
};
use keywell_app::{AppOptions, Application, Examined, Handle, Plan, TriggerCounts, TriggerKind};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{address, exchange, free, guest, http, plan, start};

const SHAPES: &str = "/example:invokable/shapes@1.0.0-rc.1";
const DOINGS: &str = "/example:invokable/doings@1.0.0-rc.1";
const KEYS: &str = "/example:invokable/keys@1.0.0-rc.1";

/// A plan that serves the functions of a guest.
fn invokable(change: impl FnOnce(&mut InvokePlan)) -> Plan {
    let mut invoke = InvokePlan::new("web", free());
    change(&mut invoke);
    let trigger = TriggerPlan::Invoke(Box::new(invoke));
    plan(&guest("invokable"), "memory:", trigger)
}

async fn serve(change: impl FnOnce(&mut InvokePlan)) -> (Handle, SocketAddr) {
    let handle = start(invokable(change)).await.unwrap();
    let address = address(&handle.status());
    (handle, address)
}

/// The status, the head and the body of the response to a call.
async fn post(address: SocketAddr, path: &str, body: &str) -> (u16, String, String) {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    parts(&raw(address, &format!("{head}{body}")).await)
}

/// What a server answers, which may come before all was sent.
async fn raw(address: SocketAddr, text: &str) -> String {
    let (mut read, mut write) = TcpStream::connect(address).await.unwrap().into_split();
    let mut response = String::new();
    let (_, received) = tokio::join!(
        write.write_all(text.as_bytes()),
        read.read_to_string(&mut response)
    );
    received.unwrap();
    response
}

fn parts(response: &str) -> (u16, String, String) {
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_owned(), body.to_owned())
}

/// What a call answers that succeeds.
async fn call(address: SocketAddr, path: &str, arguments: &Value) -> Value {
    let (status, head, body) = post(address, path, &arguments.to_string()).await;
    assert_eq!(status, 200, "{path} {arguments} {body}");
    assert!(head.contains("content-type: application/json"), "{head}");
    serde_json::from_str(&body).unwrap()
}

fn calls(handle: &Handle) -> u64 {
    match handle.counters()[0].counts {
        TriggerCounts::Invoke { calls } => calls,
        other => panic!("{other:?}"),
    }
}

async fn list(address: SocketAddr, path: &str) -> Value {
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n");
    let (status, _, body) = parts(&exchange(address, &request).await);
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

#[tokio::test]
async fn functions_are_called_by_their_paths() {
    let (handle, address) = serve(|_| {}).await;
    assert_eq!(call(address, "/add", &json!([2, 3])).await, json!(5));
    let echo = format!("{SHAPES}/echo-string");
    assert_eq!(call(address, &echo, &json!(["ä\n"])).await, json!("ä\n"));
    let same = "/example%3Ainvokable%2Fshapes%401.0.0-rc.1/name";
    assert_eq!(call(address, same, &json!([])).await, json!("shapes"));
    let other = format!("{DOINGS}/name?a=b");
    assert_eq!(call(address, &other, &json!([])).await, json!("doings"));
    let nothing = format!("{DOINGS}/nothing");
    assert_eq!(call(address, &nothing, &json!([])).await, Value::Null);
    // No body is no arguments, and options at the end may be left out.
    let (status, _, body) = post(address, &nothing, "").await;
    assert_eq!((status, &*body), (200, "null"));
    let optional = format!("{SHAPES}/optional");
    assert_eq!(call(address, &optional, &json!([1])).await, json!("1 None"));
    let (set, get) = (format!("{KEYS}/set"), format!("{KEYS}/get"));
    let set = call(address, &set, &json!(["default", "k", [1, 2, 3]])).await;
    assert_eq!(set, json!({ "ok": null }));
    let got = call(address, &get, &json!(["default", "k"])).await;
    assert_eq!(got, json!({ "ok": "AQID" }));
    // What the function says itself is no failure.
    let refused = call(address, &get, &json!(["default", ""])).await;
    assert!(refused["err"].is_string(), "{refused}");
    // A name of a resource's function has characters that a path has not.
    let total = "/example:invokable/things@1.0.0-rc.1/%5Bstatic%5Dthing.total";
    assert_eq!(call(address, total, &json!([])).await, json!(7));
    assert_eq!(calls(&handle), 11);
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn a_call_that_is_wrong_is_refused_before_there_is_an_instance() {
    let (handle, address) = serve(|_| {}).await;
    let echo = format!("{SHAPES}/echo-s8");
    let nested = format!("[{}]", "[".repeat(1 << 20));
    for (body, expected) in [
        (
            "[300]",
            "argument 1 of echo-s8, value: expected s8, not 300",
        ),
        ("[1, 2]", "echo-s8 takes 1 argument"),
        ("", "echo-s8 takes 1 argument"),
        ("{}", "the body is no JSON array of the arguments: "),
        ("[1", "the body is no JSON array of the arguments: "),
        (
            &nested,
            "the body is no JSON array of the arguments: recursion limit",
        ),
    ] {
        let (status, _, text) = post(address, &echo, body).await;
        assert_eq!(status, 400, "{text}");
        assert!(text.starts_with(expected), "{text}");
    }
    let huge = "[".repeat(10 << 20);
    assert_eq!(post(address, &echo, &huge).await.0, 413);
    let chunk = "[".repeat(1 << 20);
    let chunks = format!("100000\r\n{chunk}\r\n").repeat(4);
    let chunked = format!(
        "POST {echo} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"
    );
    assert_eq!(parts(&raw(address, &chunked).await).0, 413);
    let made = "/example:invokable/things@1.0.0-rc.1/make";
    for path in ["/subtract", "/add/", "/add%2", "/%ff", made, "/shapes/name"] {
        let (status, _, text) = post(address, path, "[]").await;
        assert_eq!(status, 404, "{path} {text}");
        let line = "POST /add  add: func(a: u32, b: u32) -> u32\n";
        assert!(text.contains(line) && !text.contains("make"), "{text}");
    }
    for (method, path, allowed) in [
        ("GET", "/add", "allow: POST"),
        ("PUT", "/add", "allow: POST"),
        ("POST", "/", "allow: GET, HEAD"),
        ("DELETE", "/", "allow: GET, HEAD"),
    ] {
        let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\n");
        let (status, head, _) = parts(&exchange(address, &request).await);
        assert_eq!(status, 405, "{method} {path}");
        assert!(head.lines().any(|line| line == allowed), "{head}");
    }
    let form = "POST /add HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\
                content-type: text/plain\r\nconnection: close\r\n\r\n[1, 2]";
    assert_eq!(parts(&raw(address, form).await).0, 415);
    assert_eq!(calls(&handle), 0);
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn a_call_that_fails_or_takes_too_long_leaves_the_others_alone() {
    let own = Some(Duration::from_millis(300));
    let (handle, address) = serve(|invoke| invoke.http.timeout = own).await;
    let (fail, compute) = (format!("{DOINGS}/fail"), format!("{DOINGS}/compute"));
    let arguments = json!(["on purpose"]).to_string();
    let failing = async || {
        let (status, _, text) = post(address, &fail, &arguments).await;
        assert_eq!((status, &*text), (500, "the component failed\n"));
    };
    let late = async || assert_eq!(post(address, &compute, "[]").await.0, 408);
    let adding = async || {
        for number in 0..20 {
            let sum = call(address, "/add", &json!([number, 1])).await;
            assert_eq!(sum, json!(number + 1));
        }
    };
    tokio::join!(failing(), late(), adding(), adding(), failing(), adding());
    // A body that does not come is given up, too.
    let slow = "POST /add HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\n[1, ";
    let (status, _, text) = parts(&raw(address, slow).await);
    assert_eq!(
        (status, &*text),
        (408, "the request's body took too long\n")
    );
    handle.stop().await.unwrap();

    let mut plan = invokable(|_| {});
    plan.components.get_mut("web").unwrap().timeout = own;
    let handle = start(plan).await.unwrap();
    let address = crate::support::address(&handle.status());
    assert_eq!(post(address, &compute, "[]").await.0, 504);
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn an_instance_answers_as_many_calls_as_it_may_and_none_after_a_failure() {
    let (handle, address) = serve(|invoke| invoke.http.reuse = 3).await;
    let (count, fail) = (format!("{DOINGS}/count"), format!("{DOINGS}/fail"));
    for expected in [1, 2, 3, 1] {
        assert_eq!(call(address, &count, &json!([])).await, json!(expected));
    }
    assert_eq!(post(address, &fail, "[\"x\"]").await.0, 500);
    assert_eq!(call(address, &count, &json!([])).await, json!(1));
    handle.stop().await.unwrap();
    let (handle, address) = serve(|_| {}).await;
    for _ in 0..2 {
        assert_eq!(call(address, &count, &json!([])).await, json!(1));
    }
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn arguments_and_results_are_held_within_the_memory_of_the_instance() {
    let mut plan = invokable(|_| {});
    plan.components.get_mut("web").unwrap().memory = Some(8 << 20);
    let handle = start(plan).await.unwrap();
    let address = address(&handle.status());
    let many = format!("[[{}1]]", "1,".repeat(512 << 10));
    let echo = format!("{SHAPES}/echo-bytes");
    let (status, _, text) = post(address, &echo, &many).await;
    assert_eq!((status, &*text), (413, "the arguments are too large\n"));
    let (status, ..) = post(address, &format!("{DOINGS}/fill"), "[4000000]").await;
    assert_eq!(status, 500);
    let few = call(address, &echo, &json!([[1, 2, 3]])).await;
    assert_eq!(few, json!("AQID"));
    handle.stop().await.unwrap();
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "most of it is a table of values")]
async fn the_list_has_schemas_that_fit_what_is_passed() {
    let (handle, address) = serve(|_| {}).await;
    let listed = list(address, "/").await;
    let functions = listed["functions"].as_array().unwrap();
    let find = |path: &str| {
        let found = functions.iter().find(|function| function["path"] == path);
        found.unwrap_or_else(|| panic!("{path} is not in {listed:#}"))
    };
    assert!(!listed.to_string().contains("make"), "{listed:#}");
    let add = find("/add");
    assert_eq!(add["name"], "add");
    assert_eq!(add["signature"], "add: func(a: u32, b: u32) -> u32");
    for function in functions {
        for schema in [&function["parameters"], &function["result"]] {
            let is_valid = jsonschema::draft202012::meta::is_valid(schema);
            assert!(is_valid, "{schema:#}");
        }
    }
    let validator = |schema| jsonschema::draft202012::new(schema).unwrap();
    // Values that are taken, and answered as they are or in this other form.
    for (name, value, other) in [
        ("bool", json!(true), None),
        ("s8", json!(-128), None),
        ("u64", json!(9_007_199_254_740_992_u64), None),
        ("u64", json!("18446744073709551615"), None),
        ("u64", json!(u64::MAX), Some(json!("18446744073709551615"))),
        ("s64", json!(-5), None),
        ("s64", json!("-9223372036854775808"), None),
        ("f32", json!(0.1), None),
        ("f64", json!("nan"), None),
        ("f64", json!("-inf"), None),
        ("char", json!("ß"), None),
        ("string", json!(""), None),
        ("bytes", json!("AQID"), None),
        ("bytes", json!([1, 2, 255]), Some(json!("AQL/"))),
        ("list", json!(["a", ""]), None),
        ("tuple", json!([1, "a", false]), None),
        ("record", json!({ "x": 1.5, "y": 2.0, "label": "l" }), None),
        (
            "record",
            json!({ "x": 1.0, "y": 2.5 }),
            Some(json!({ "x": 1.0, "y": 2.5, "label": null })),
        ),
        ("variant", json!({ "nothing": null }), None),
        ("variant", json!({ "circle": 0.5 }), None),
        (
            "variant",
            json!({ "path": [{ "x": 0.0, "y": 0.0, "label": null }] }),
            None,
        ),
        ("enum", json!("dark-green"), None),
        ("flags", json!(["bold", "new"]), None),
        ("flags", json!([]), None),
        ("option", json!(null), None),
        ("option", json!({ "some": null }), None),
        ("option", json!({ "some": 7 }), None),
        ("result", json!({ "ok": "a" }), None),
        ("result", json!({ "err": 1 }), None),
        ("empty", json!({ "err": null }), None),
    ] {
        let path = format!("{SHAPES}/echo-{name}");
        let function = find(&path);
        let arguments = json!([value]);
        let parameters = validator(&function["parameters"]);
        assert!(parameters.is_valid(&arguments), "{path} {value}");
        let result = call(address, &path, &arguments).await;
        assert!(
            validator(&function["result"]).is_valid(&result),
            "{path} {result}"
        );
        assert_eq!(result, other.unwrap_or(value), "{path}");
    }
    // What is refused is not valid.
    for (name, value) in [
        ("bool", json!("true")),
        ("s8", json!(128)),
        ("u64", json!(-1)),
        ("u64", json!("-1")),
        ("f64", json!("many")),
        ("char", json!("ab")),
        ("string", json!(1)),
        ("bytes", json!([256])),
        ("list", json!([1])),
        ("tuple", json!([1, "a"])),
        ("tuple", json!([1, "a", false, 2])),
        ("record", json!({ "x": 1.0 })),
        ("record", json!({ "x": 1.0, "y": 1.0, "z": 1.0 })),
        ("variant", json!("nothing")),
        ("variant", json!({ "nothing": 1 })),
        ("variant", json!({ "circle": 0.5, "nothing": null })),
        ("enum", json!("blue")),
        ("flags", json!(["thin"])),
        ("option", json!(7)),
        ("result", json!({ "ok": 1 })),
        ("empty", json!({})),
    ] {
        let path = format!("{SHAPES}/echo-{name}");
        let parameters = validator(&find(&path)["parameters"]);
        let arguments = json!([value]);
        assert!(!parameters.is_valid(&arguments), "{path} {value}");
        let (status, ..) = post(address, &path, &arguments.to_string()).await;
        assert_eq!(status, 400, "{path} {value}");
    }
    let optional = validator(&find(&format!("{SHAPES}/optional"))["parameters"]);
    for (arguments, is_valid) in [
        (json!([1]), true),
        (json!([1, null]), true),
        (json!([]), false),
        (json!([1, null, null]), false),
    ] {
        assert_eq!(optional.is_valid(&arguments), is_valid, "{arguments}");
    }
    let nothing = find(&format!("{DOINGS}/nothing"));
    assert!(validator(&nothing["result"]).is_valid(&Value::Null));
    assert!(validator(&nothing["parameters"]).is_valid(&json!([])));
    assert!(!validator(&nothing["parameters"]).is_valid(&json!([1])));
    let head = exchange(address, "HEAD / HTTP/1.1\r\nhost: x\r\n").await;
    let (status, head, body) = parts(&head);
    assert_eq!((status, &*body), (200, ""));
    assert!(head.contains("content-length: ") && !head.contains("content-length: 0"));
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn only_the_functions_that_are_named_are_offered() {
    let named = |names: &[&str]| -> Vec<_> {
        let names = names.iter().map(|name| (*name).to_owned().into());
        names.collect()
    };
    let (mut handle, address) = serve(|invoke| {
        invoke.functions = named(&["example:invokable/keys@1.0.0-rc.1", "add"]);
        invoke.http.path = PathPlan::Prefix("/api/".to_owned().into());
    })
    .await;
    for path in ["/api", "/api/"] {
        let listed = list(address, path).await;
        let functions = listed["functions"].as_array().unwrap().iter();
        let paths: Vec<_> = functions
            .map(|function| function["path"].as_str())
            .collect();
        let expected = [
            "/api/add".to_owned(),
            format!("/api{KEYS}/get"),
            format!("/api{KEYS}/set"),
        ];
        assert_eq!(paths, expected.each_ref().map(|path| Some(path.as_str())));
    }
    assert_eq!(call(address, "/api/add", &json!([1, 1])).await, json!(2));
    let (status, ..) = post(address, &format!("/api{DOINGS}/count"), "[]").await;
    assert_eq!(status, 404);
    assert_eq!(post(address, "/add", "[1, 1]").await.0, 404);
    assert_eq!(calls(&handle), 1);

    // Another trigger at the same address, and other functions by a reload.
    let next = invokable(|invoke| {
        invoke.http = HttpPlan::new("web", address);
        invoke.functions = named(&["example:invokable/doings@1.0.0-rc.1/name"]);
    });
    let mut both = next.clone();
    let TriggerPlan::Http(mut more) = http(address) else {
        panic!("it is an HTTP trigger");
    };
    more.component = "counter".to_owned();
    more.path = PathPlan::Prefix("/count".to_owned().into());
    let counter = ComponentPlan {
        link: LinkPlan::to("main"),
        ..ComponentPlan::new(guest("counter"))
    };
    both.components.insert("counter".to_owned(), counter);
    both.triggers.push(TriggerPlan::Http(more));
    handle.reload(both).await.unwrap();
    let name = call(address, &format!("{DOINGS}/name"), &json!([])).await;
    assert_eq!(name, json!("doings"));
    assert_eq!(post(address, "/add", "[1, 1]").await.0, 404);
    let response = exchange(address, "GET /count HTTP/1.1\r\nhost: x\r\n").await;
    assert_eq!(parts(&response).0, 200, "{response}");

    // What stands for nothing is refused, and the application runs on.
    let mut wrong = next;
    let TriggerPlan::Invoke(invoke) = &mut wrong.triggers[0] else {
        panic!("it is an invoke trigger");
    };
    invoke.functions = named(&["example:invokable/doings"]);
    let error = handle.reload(wrong).await.unwrap_err().to_string();
    let expected = "the component exports no interface or function example:invokable/doings; it \
                    exports add, example:invokable/shapes@1.0.0-rc.1, ";
    assert!(error.contains(expected), "{error}");
    let name = call(address, &format!("{DOINGS}/name"), &json!([])).await;
    assert_eq!(name, json!("doings"));
    handle.stop().await.unwrap();
    let made = "example:invokable/things@1.0.0-rc.1/make";
    for (name, expected) in [
        (made, "cannot be called from outside"),
        ("nothing", "exports no"),
    ] {
        let plan = invokable(|invoke| invoke.functions = named(&[name]));
        let draft = Draft {
            plan: plan.clone(),
            report: Report::default(),
        };
        let examined = Examined::new(draft, AppOptions::default());
        let problems = examined.report().problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].message.contains(expected), "{problems:?}");
        let error = start(plan).await.err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_component_without_functions_of_values_cannot_be_invoked() {
    let kind = |name: &str| {
        let plan = plan(&guest(name), "memory:", http(free()));
        let application = Application::load(plan, AppOptions::default()).unwrap();
        application.can_be_called("web", TriggerKind::Invoke)
    };
    assert!(kind("invokable"));
    assert!(!kind("counter"));
    let trigger = TriggerPlan::Invoke(Box::new(InvokePlan::new("web", free())));
    let error = start(plan(&guest("counter"), "memory:", trigger)).await;
    let error = error.err().unwrap().to_string();
    let expected = "exports no function that can be called from outside, which an invoke trigger \
                    calls; it exports wasi:http/incoming-handler@0.2.";
    assert!(error.contains(expected), "{error}");
}

#[tokio::test]
async fn pages_of_other_origins_may_call_where_cors_says_so() {
    let (handle, address) = serve(|invoke| invoke.http.cors = Some(CorsPlan::default())).await;
    let preflight = "OPTIONS /add HTTP/1.1\r\nhost: x\r\norigin: https://a.example\r\n\
                     access-control-request-method: POST\r\n";
    let (status, head, _) = parts(&exchange(address, preflight).await);
    assert_eq!(status, 204);
    assert!(head.contains("access-control-allow-origin: *"), "{head}");
    let (_, head, _) = post(address, "/add", "[1, 2]").await;
    assert!(head.contains("access-control-allow-origin: *"), "{head}");
    handle.stop().await.unwrap();
}

/// The status of a call that a browser sends for a page, without what asks for a preflight.
async fn simple(address: SocketAddr, headers: &str) -> u16 {
    let request = format!(
        "POST /add HTTP/1.1\r\nhost: x\r\n{headers}content-length: 6\r\nconnection: close\r\n\r\n\
         [1, 2]"
    );
    parts(&raw(address, &request).await).0
}

#[tokio::test]
async fn pages_of_other_origins_are_refused_where_cors_does_not_allow_them() {
    const SITE: &str = "sec-fetch-site: cross-site\r\n";
    const SAME_SITE: &str = "sec-fetch-site: same-site\r\n";
    const OWN: &str = "sec-fetch-site: same-origin\r\norigin: http://x\r\n";
    const A: &str = "origin: https://a.example\r\n";
    const B: &str = "origin: https://b.example\r\n";
    let all = Some(CorsPlan::default());
    let only_a = Some(CorsPlan {
        origins: vec!["https://a.example".to_owned().into()],
        ..CorsPlan::default()
    });
    for (cors, expected) in [
        (None, [200, 403, 403, 200, 403, 403, 403]),
        (only_a, [200, 403, 403, 200, 200, 403, 200]),
        (all, [200, 200, 200, 200, 200, 200, 200]),
    ] {
        let (handle, address) = serve(|invoke| invoke.http.cors = cors).await;
        let both = format!("{SITE}{A}");
        for (headers, expected) in ["", SITE, SAME_SITE, OWN, A, B, &both].iter().zip(expected) {
            assert_eq!(simple(address, headers).await, expected, "{headers}");
        }
        let run = expected.iter().filter(|status| **status == 200).count();
        assert_eq!(calls(&handle), run as u64, "what is refused does not run");
        handle.stop().await.unwrap();
    }
}

/// A component with a function that takes records of many optional fields.
fn sparse() -> Vec<u8> {
    let fields: Vec<String> = (0..20)
        .map(|field| format!("(field \"field-{field}\" (option u8))"))
        .collect();
    let fields = fields.concat();
    let text = format!(
        r#"(component
            (core module $m
                (memory (export "memory") 64)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024)
                (func (export "count") (param i32 i32) (result i32) local.get 1))
            (core instance $i (instantiate $m))
            (type $row' (record {fields}))
            (export $row "row" (type $row'))
            (func $count (param "rows" (list $row)) (result u32)
                (canon lift (core func $i "count") (memory (core memory $i "memory"))
                    (realloc (core func $i "realloc"))))
            (export "count" (func $count)))"#
    );
    wat::parse_str(text).unwrap()
}

#[tokio::test]
async fn arguments_that_take_far_more_memory_than_their_text_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sparse.wasm");
    std::fs::write(&path, sparse()).unwrap();
    let trigger = TriggerPlan::Invoke(Box::new(InvokePlan::new("web", free())));
    let handle = start(plan(&path, "memory:", trigger)).await.unwrap();
    let address = address(&handle.status());
    let rows = |count: usize| format!("[[{}]]", vec!["{}"; count].join(","));
    // The body is within its bound, and its values would take about 1 GB.
    let (status, _, text) = post(address, "/count", &rows(690_000)).await;
    assert_eq!((status, &*text), (413, "the arguments are too large\n"));
    assert_eq!(calls(&handle), 0, "there is no instance yet");
    let (status, _, text) = post(address, "/count", &rows(10_000)).await;
    assert_eq!((status, &*text), (200, "10000"));
    handle.stop().await.unwrap();
}
