//! Copies between stores.

use std::process::Stdio;

use keywell_servers::Redis;

use crate::support::Scratch;

#[test]
fn a_copy_has_what_its_source_has_and_is_compared() {
    let scratch = Scratch::new();
    scratch.quiet(&["set", "--store", "disk:old", "tea", "green"]);
    scratch.quiet(&["set", "--store", "disk:old", "a/1", "v"]);
    let copy = ["copy", "--from", "disk:old", "--to", "disk:new"];
    let ran = scratch.kv(copy);
    let said = "copied 2 keys\ncompared, and equal: 2 keys\n";
    assert_eq!((ran.code, ran.text(), &*ran.err), (0, "", said));
    assert_eq!(
        scratch.quiet(&["get", "--store", "disk:new", "tea"]),
        "green"
    );
    let ran = scratch.kv(copy);
    let said = "copied 0 keys\nskipped as equal: 2 keys\ncompared, and equal: 2 keys\n";
    assert_eq!((ran.code, &*ran.err), (0, said));

    scratch.quiet(&["set", "--store", "disk:old", "--bucket", "b", "x", "v"]);
    let other = ["copy", "--from", "disk:old", "--bucket", "b", "--to"];
    let ran = scratch.kv([&other[..], &["disk:another"]].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    let list = ["list", "--store", "disk:another", "--bucket", "b"];
    assert_eq!(scratch.quiet(&list), "x\n");
}

#[tokio::test]
async fn counters_and_times_to_live_are_copied_to_redis_and_back() {
    let redis = Redis::start().await.unwrap();
    let scratch = Scratch::new();
    scratch.prints(&["increment", "--store", "disk:old", "visits", "41"]);
    let ttl = ["set", "--store", "disk:old", "--ttl", "90m", "session", "v"];
    scratch.quiet(&ttl);
    for layout in ["plain", "journal", "flat"] {
        let url = format!("{}?layout={layout}&prefix={layout}:", redis.url());
        let back = format!("disk:{layout}");
        for (from, to) in [("disk:old", &*url), (&*url, &*back)] {
            let ran = scratch.kv(["copy", "--from", from, "--to", to]);
            assert_eq!(ran.code, 0, "{from} {to} {ran:?}");
        }
        let visits = scratch.prints(&["increment", "--store", &back, "visits"]);
        assert_eq!(visits, "42\n", "{layout}");
        let exported = scratch.prints(&["export", "--store", &back]);
        assert!(exported.contains("\"expiration\":"), "{exported}");
    }
}

#[test]
fn an_interrupted_copy_continues() {
    let scratch = Scratch::new();
    let line = |n| format!("{{\"key\":\"k{n:06}\",\"value\":\"{n}\"}}\n");
    let lines: String = (0..50_000).map(line).collect();
    let import = ["import", "--store", "disk:old"];
    assert_eq!(scratch.kv_with(&import, lines.as_bytes()).code, 0);
    let copy = ["copy", "--from", "disk:old", "--to", "disk:new"];
    let running = scratch.start(&copy, Stdio::null());
    while !scratch.path("new/data.redb").exists() {
        std::thread::yield_now();
    }
    running.signal("INT");
    let ran = running.end();
    ran.failed(1, "interrupted; ");
    ran.failed(1, "run again, it continues there");

    let ran = scratch.kv(copy);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.err.ends_with("compared, and equal: 50000 keys\n"),
        "{ran:?}"
    );
    assert_eq!(scratch.kv(["export", "--store", "disk:new"]).text(), lines);
}

#[test]
fn a_copy_that_makes_no_sense_is_refused() {
    let scratch = Scratch::new();
    scratch.quiet(&["set", "--store", "disk:old", "k", "v"]);
    let path = format!("disk:{}", scratch.path("old").display());
    for (from, to, problem) in [
        ("disk:old", "memory:", "lives inside one process"),
        ("memory:", "disk:new", "lives inside one process"),
        ("disk:old", "disk:./old", "name the same store"),
        ("disk:old", &path, "name the same store"),
    ] {
        let ran = scratch.kv(["copy", "--from", from, "--to", to]);
        ran.failed(2, problem);
    }
    let ran = scratch.kv(["copy", "--from", "disk:none", "--to", "disk:new"]);
    ran.failed(1, "disk:none");
    assert!(!scratch.path("new").exists());
    let ran = scratch.kv(["copy", "--store", "disk:old"]);
    ran.failed(2, "--to <URL>");
    let ran = scratch.kv(["copy", "--store", "disk:old", "--to", "disk:new"]);
    assert_eq!(ran.code, 0, "{ran:?}");
}
