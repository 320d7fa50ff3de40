//! Calls that are answered, and the list of functions.

use keywell_app::config::{
    ComponentPlan, Draft, HttpPlan, LinkPlan, PathPlan, Report, TriggerPlan,
};
use keywell_app::{AppOptions, Examined};
use serde_json::{Value, json};

use super::client::{DOINGS, KEYS, SHAPES, call, calls, invokable, list, parts, post, serve};
use crate::support::{exchange, guest, http, start};

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
async fn an_instance_that_keeps_a_vacancy_of_the_cache_answers_no_other_call() {
    let (handle, address) = serve(|invoke| invoke.http.reuse = 100).await;
    let keep = format!("{DOINGS}/keep");
    // A call in the same instance would wait for itself.
    for _ in 0..3 {
        assert_eq!(call(address, &keep, &json!(["tea"])).await, json!("vacant"));
    }
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
