//! Errors have the place of what is wrong.

use crate::read;

/// A plan with nothing wrong, behind which something wrong is put at line 8.
pub(crate) const RIGHT: &str = "[store.a]\nurl='memory:'\n[component.c]\npath='c.wasm'\nstore='a'\n[[trigger.http]]\ncomponent='c'\n";

/// What is put behind it, and what is said of that.
const WRONG: &[(&str, &str)] = &[
    // Not TOML at all.
    ("[", "8:2: "),
    ("x", "8:2: key with no value, expected `=`"),
    ("[store.a]", "8:8: duplicate key"),
    // Keys that are none.
    (
        "[stores.b]",
        "8:2: there is no stores at the top; did you mean store?",
    ),
    (
        "[x]",
        "8:2: there is no x at the top; there is store, component, worker, trigger, limits",
    ),
    (
        "[component.d]\npth='d'",
        "9:1: there is no pth in component.d; did you mean path?",
    ),
    (
        "[component.d]\npath='d'\nread_only=true",
        "10:1: there is no read_only in component.d; there is path, image, env",
    ),
    (
        "[[trigger.htpp]]",
        "8:11: there is no htpp in trigger; did you mean http?",
    ),
    (
        "[[trigger.http]]\ncomponent='c'\nadr='x'",
        "10:1: there is no adr in trigger.http; did you mean addr?",
    ),
    (
        "[[trigger.watch]]\ncomponent='c'\non='SET@k'\ndead_letters='x'",
        "11:1: there is no dead_letters in trigger.watch; did you mean dead-letters?",
    ),
    (
        "[[trigger.watch]]\ncomponent='c'\non='SET@k'\ndead-letters={buket='x'}",
        "11:15: there is no buket in trigger.watch.dead-letters; did you mean bucket?",
    ),
    (
        "[component.d]\npath='d'\nbuckets={x={readonly=true}}",
        "10:13: there is no readonly in component.d.buckets.x; did you mean read-only?",
    ),
    (
        "[component.d]\npath='d'\nimports={'a:b/c'='f'}",
        "10:18: there is no component \"f\"; there is c, d",
    ),
    (
        "[component.deed]\npath='d'\nimports={'a:b/c'='eded'}",
        "10:18: there is no component \"eded\"; did you mean deed?",
    ),
    (
        "[component.d]\npath='d'\nimports={'a:b/c'=1}",
        "10:18: component.d.imports.a:b/c should be a text in quotes",
    ),
    (
        "[component.d]\npath='d'\nimports={'a:b/c@1.0.0'='c'}",
        "10:10: an interface that is answered has no version here; write \"a:b/c\": every version",
    ),
    (
        "[component.d]\npath='d'\nimports={'a:b'='c'}",
        "10:10: \"a:b\" is no name of an interface; write it \"NAMESPACE:PACKAGE/INTERFACE\"",
    ),
    (
        "[component.d]\npath='d'\nimports={'a:b/c'='d'}",
        "10:10: imports lead in a circle: d calls d; remove one of these imports",
    ),
    (
        "[component.d.imports]\n'a:b/c'='e'\n[component.e]\npath='e'\nimports={'a:b/d'='d'}",
        "8:12: component.d has no path",
    ),
    (
        "[limits]\nmemroy='1MiB'",
        "9:1: there is no memroy in limits; did you mean memory?",
    ),
    // Things of another shape.
    ("[[store]]\nname='b'", "8:3: duplicate key"),
    (
        "[trigger.watch]\non='SET@k'",
        "8:10: trigger.watch should be written [[trigger.watch]]",
    ),
    (
        "[limits]\nmemory=[1]",
        "9:1: limits.memory should be a text",
    ),
    (
        "[component.d]\npath=1",
        "9:6: component.d.path should be a text in quotes",
    ),
    (
        "[component.d]\npath='d'\nenv=1",
        "10:5: component.d.env should be a table",
    ),
    (
        "[component.d]\npath='d'\nenv={A=[]}",
        "10:6: component.d.env.A should be a text, a number, true or false",
    ),
    (
        "[component.d]\npath='d'\nenv={A=1979-05-27}",
        "10:8: component.d.env.A should be a text, a number",
    ),
    (
        "[component.d]\npath='d'\nenv={'A=B'=1}",
        "10:6: a variable's name is not empty and has no =",
    ),
    (
        "[component.d]\npath='d'\nenv={''=1}",
        "10:6: a variable's name is not empty",
    ),
    (
        "[component.d]\npath='d'\nenv={A=\"x\\u0000\"}",
        "10:8: a variable has no zero byte in it",
    ),
    (
        "[component.d]\npath='d'\noutgoing=[1]",
        "10:11: component.d.outgoing should be a text in quotes",
    ),
    (
        "[component.d]\npath='d'\nbuckets={x=true}",
        "10:12: component.d.buckets.x should be a text in quotes",
    ),
    (
        "[component.d]\npath='d'\nbuckets={x={read-only=1}}",
        "10:23: component.d.buckets.x.read-only should be true or false",
    ),
    (
        "[component.d]\npath='d'\nbuckets={x={read-only='no'}}",
        "10:23: component.d.buckets.x.read-only should be true or false",
    ),
    (
        "[component.d]\npath='d'\nbuckets={''='x', default='y'}",
        "10:18: \"\" and \"default\" are one bucket",
    ),
    (
        "[component]\nd='x'",
        "8:2: component is written [component.NAME]",
    ),
    // Amounts.
    (
        "[limits]\nmemory='1MB'",
        "9:8: limits.memory: write a whole number and KiB, MiB or GiB",
    ),
    (
        "[limits]\ntimeout=30",
        "9:9: limits.timeout: write a whole number and ms, s, m or h",
    ),
    (
        "[limits]\ninstances=0",
        "9:11: limits.instances should be a whole number, 1 to 10000",
    ),
    (
        "[limits]\ninstances='many'",
        "9:11: limits.instances should be a whole number",
    ),
    (
        "[limits]\nmemory='1MiB'\n[component.d]\npath='d'\nmemory='2MiB'",
        "10:12: component.d.memory is more than that of [limits]",
    ),
    (
        "[[trigger.http]]\ncomponent='c'\nreuse=0",
        "10:7: trigger.http.reuse should be a whole number, 1 to",
    ),
    (
        "[[trigger.http]]\ncomponent='c'\nreuse=1.5",
        "10:7: trigger.http.reuse should be a whole number",
    ),
    (
        "[[trigger.http]]\ncomponent='c'\naddr='8080'",
        "10:6: trigger.http.addr: write an address or a name, and a port",
    ),
    // HTTP.
    (
        "[[trigger.http]]\ncomponent='c'\npath='shop'",
        "10:6: \"shop\" is no path of requests; begin it with a slash",
    ),
    (
        "[[trigger.http]]\ncomponent='c'\nexact-path='/a?b'",
        "10:12: \"/a?b\" is no path of requests; leave out the query",
    ),
    (
        "[[trigger.http]]\ncomponent='c'\npath='/a b'",
        "10:6: \"/a b\" is no path of requests; write other characters than ASCII",
    ),
    (
        "[[trigger.http]]\ncomponent='c'\npath='/a'\nexact-path='/b'",
        "11:12: trigger.http has path and exact-path; keep one of them",
    ),
    (
        "[[trigger.http]]\ncomponent='c'\nhost='http://a'",
        "10:6: \"http://a\" is no host; write the host alone",
    ),
    (
        "[[trigger.http]]\ncomponent='c'\nhost='*.a'",
        "10:6: \"*.a\" is no host; write a whole name",
    ),
    (
        "[[trigger.http]]\ncomponent='c'\nhost='a:b'",
        "10:6: \"a:b\" is no host; write a name or an address",
    ),
    (
        "[[trigger.http]]\ncomponent='c'\nhost-header='x-host'",
        "10:13: trigger.http has a host-header and no host",
    ),
    (
        "[[trigger.http]]\ncomponent='c'\nhost-header='x host'\nhost='a'",
        "10:13: \"x host\" is not the name of a header",
    ),
    (
        "[[trigger.http]]\ncomponent='c'\nread-only='no'",
        "10:11: trigger.http.read-only should be true or false",
    ),
    (
        "[[trigger.http]]\ncomponent='c'\ntimeout=5",
        "10:9: trigger.http.timeout: write a whole number and ms, s, m or h",
    ),
    (
        "[[trigger.http]]\ncomponent='c'\ncache-control=\"a\\nb\"",
        "10:15: \"a\\nb\" is no value of a header",
    ),
    (
        "[[trigger.http]]\ncomponent='c'\ncors='yes'",
        "10:6: trigger.http.cors should be a table, true or false",
    ),
    (
        "[[trigger.http]]\ncomponent='c'\ncors={origin='x'}",
        "10:7: there is no origin in trigger.http.cors; did you mean origins?",
    ),
    (
        "[[trigger.http]]\ncomponent='c'\ncors={origins=['http://a', 'http://b/']}",
        "10:28: \"http://b/\" is no origin; write the host, and a port",
    ),
    (
        "[[trigger.http]]\ncomponent='c'\ncors={origins='*'}",
        "10:15: \"*\" is no origin; leave origins out to allow all",
    ),
    (
        "[[trigger.http]]\ncomponent='c'\ncors={methods=['GET', 'A B']}",
        "10:23: \"A B\" is not a method",
    ),
    (
        "[[trigger.http]]\ncomponent='c'\ncors={exposed-headers='x:'}",
        "10:23: \"x:\" is not the name of a header",
    ),
    (
        "[[trigger.http]]\ncomponent='c'\ntls={certificate='x'}",
        "10:1: trigger.http.tls has no key",
    ),
    // Triggers of one address with the same route, or that cannot share it.
    (
        "[[trigger.http]]\ncomponent='c'",
        "8:1: 127.0.0.1:8080 is the address of another trigger, too, which calls c; give each a path",
    ),
    (
        "[[trigger.http]]\ncomponent='c'\npath='/a'\nhost='A'\n[[trigger.http]]\ncomponent='c'\npath='/a/'\nhost='a'",
        "12:1: 127.0.0.1:8080 is the address of another trigger, too, which calls c; give each a path",
    ),
    (
        "[[trigger.http]]\ncomponent='c'\nhost='a'\n[[trigger.http]]\ncomponent='c'\nhost='b'\nhost-header='X-Host'",
        "14:13: the host is that of the header x-host here, and of host for another trigger of 127.0.0.1:8080",
    ),
    (
        "[[trigger.http]]\ncomponent='c'\npath='/a'\ntls={certificate='x',key='y'}",
        "11:1: 127.0.0.1:8080 has another tls in a trigger that calls c; give all triggers",
    ),
    (
        "[[trigger.http]]\ncomponent='c'\npath='/a'\nkeep-alive=false",
        "8:1: 127.0.0.1:8080 has another keep-alive in a trigger that calls c; give all triggers",
    ),
    (
        "[[trigger.invoke]]\ncomponent='c'",
        "8:1: 127.0.0.1:8080 is the address of another trigger, too, which calls c; give each a path",
    ),
    (
        "[[trigger.invoke]]\ncomponent='c'\npath='api'",
        "10:6: \"api\" is no path of requests; begin it with a slash",
    ),
    (
        "[[trigger.invoke]]\ncomponent='c'\naddr='a:1'\nfunctions=[]",
        "11:1: trigger.invoke.functions names no function; leave it out to offer all functions",
    ),
    (
        "[worker.'a*b']\ncomponent='c'",
        "8:9: \"a*b\" names no worker; write its name, or what names begin with and one * behind it",
    ),
    (
        "[worker.a]\ncomponent='c'\ninterrupted-requests='ask'",
        "10:22: worker.a.interrupted-requests is \"ask\"; write stop, retry or fail",
    ),
    (
        "[worker.a]\ncomponent='c'",
        "8:9: nothing calls the worker a; add a [[trigger.worker]] with worker = \"a\"",
    ),
    (
        "[[trigger.worker]]\nworker='a'\naddr='a:1'",
        "9:8: there is no worker \"a\"; add a [worker.a]",
    ),
    (
        "[[trigger.invoke]]\ncomponent='c'\naddr='a:1'\nmax-body='65MiB'",
        "11:10: trigger.invoke.max-body: at least 1 and at most 67108864 bytes",
    ),
    (
        "[[trigger.watch]]\ncomponent='c'\non='SET@k'\nretries=2000",
        "11:9: trigger.watch.retries should be a whole number, 0 to 1000",
    ),
    (
        "[[trigger.watch]]\ncomponent='c'\non='SET@k'\nparallel=0",
        "11:10: trigger.watch.parallel should be a whole number, 1 to",
    ),
    (
        "[[trigger.watch]]\ncomponent='c'\non='SET@k'\ndeadline='0s'",
        "11:10: trigger.watch.deadline: at least 1ms",
    ),
    (
        "[component.d]\npath='d'\nbuckets={x={max-key=0}}",
        "10:21: component.d.buckets.x.max-key: at least 1 and at most 1024 bytes",
    ),
    (
        "[component.d]\npath='d'\ninstances=10001",
        "10:11: component.d.instances should be a whole number, 0 to 10000",
    ),
    (
        "[component.d]\npath='d'\nbuckets={x={max-value='1MB'}}",
        "10:23: component.d.buckets.x.max-value: write a number of bytes, or one with KiB",
    ),
    // What is missing.
    ("[store.b]\nhistory=0", "8:8: store.b has no url"),
    (
        "[component.d]\nstore='a'",
        "8:12: component.d has no path and no image",
    ),
    (
        "[component.d]\npath='d'\nimage='ghcr.io/a/b:1'",
        "10:7: component.d has a path, and an image, too",
    ),
    (
        "[component.d]\nimage=1",
        "9:7: component.d.image should be a text in quotes",
    ),
    ("[[trigger.http]]", "8:1: trigger.http has no component"),
    (
        "[[trigger.watch]]\ncomponent='c'",
        "8:1: trigger.watch has no on",
    ),
    (
        "[[trigger.watch]]\ncomponent='c'\non=[]",
        "10:1: trigger.watch.on names no change",
    ),
    (
        "[[trigger.watch]]\ncomponent='c'\non='SET@k'\ndead-letters={}",
        "11:1: trigger.watch.dead-letters has no bucket",
    ),
    // Links.
    (
        "[component.d]\npath='d'\nstore='a'\nevery-bucket='x'",
        "11:14: component.d.every-bucket stands beside a store, and both say what every other name \
         stands for; keep one of them",
    ),
    (
        "[store.b]\nurl='memory:'\n[component.d]\npath='d'\nevery-bucket='x'",
        "12:14: component.d.every-bucket names no store, and there is more than one",
    ),
    (
        "[component.d]\npath='d'\nevery-bucket={bucket='x', prefx='y'}",
        "10:27: there is no prefx in component.d.every-bucket; did you mean prefix?",
    ),
    (
        "[component.d]\npath='d'\n[component.d.links.default]\nstore='a'",
        "10:20: the link \"default\" is the one that the component has without a name; write its store \
         or buckets in [component.d]",
    ),
    (
        "[component.d]\npath='d'\n[component.d.links.'']\nstore='a'",
        "10:20: a link has a name; write the one by which",
    ),
    (
        "[component.d]\npath='d'\nlinks='a'",
        "10:7: component.d.links is written [component.d.links.NAME]",
    ),
    (
        "[component.d]\npath='d'\n[component.d.links.x]\nstor='a'",
        "11:1: there is no stor in component.d.links.x; did you mean store?",
    ),
    (
        "[component.d]\npath='d'\n[component.d.links.x]\nstore='b'",
        "11:7: there is no store \"b\"; there is a",
    ),
    (
        "[component.d]\npath='d'\nsecrets={a=[]}",
        "10:10: component.d.secrets.a should be a text, a number, true or false",
    ),
    // Names of nothing.
    (
        "[component.d]\npath='d'\nstore='b'",
        "10:7: there is no store \"b\"; there is a",
    ),
    (
        "[[trigger.http]]\ncomponent='count'",
        "9:11: there is no component \"count\"; there is c",
    ),
    (
        "[[trigger.watch]]\ncomponent='c'\nstore='main'\non='SET@k'",
        "10:7: there is no store \"main\"; there is a",
    ),
    (
        "[component.d]\npath='d'\n[[trigger.watch]]\ncomponent='d'\nbucket='x'\non='SET@k'",
        "12:8: the component d is not granted the bucket \"x\"; add a store or buckets to [component.d]",
    ),
    (
        "[store.b]\nurl='memory:'\n[[trigger.watch]]\ncomponent='c'\nstore='b'\non='SET@k'",
        "12:7: to c, the bucket \"default\" is one of the store a",
    ),
    (
        "[[trigger.watch]]\ncomponent='c'\non='SET@k'\n[[trigger.watch]]\ncomponent='c'\non='DEL@k'",
        "11:1: another trigger calls this component for this bucket; name them",
    ),
    (
        "[store.b]\nurl='memory:'\n[component.d]\npath='d'\nbuckets={x='y'}",
        "12:12: the bucket \"x\" names no store, and there is more than one",
    ),
    (
        "[[trigger.watch]]\nname='n'\ncomponent='c'\non='SET@k'\n[[trigger.watch]]\nname='n'\ncomponent='c'\non='SET@k'",
        "13:6: another trigger on the store a is called \"n\"",
    ),
    (
        "[store.b]\nurl='memory:'\n[component.d]\npath='d'\nstore='b'\n\
         [[trigger.watch]]\nname='n'\ncomponent='c'\non='SET@k'\n[[trigger.watch]]\nname='n'\ncomponent='d'\non='SET@k'",
        "18:6: another trigger on the store a, which has the URL of b, is called \"n\"",
    ),
    (
        "[[trigger.watch]]\ncomponent='c'\non='SET@k'\npositions='elsewhere'",
        "11:11: there is no store \"elsewhere\"; there is a",
    ),
    (
        "[store.b]\nurl='disk:b'\n[component.d]\npath='d'\nstore='b'\n\
         [[trigger.watch]]\nname='n'\ncomponent='c'\non='SET@k'\n\
         [[trigger.watch]]\nname='n'\ncomponent='d'\non='SET@k'\npositions='a'",
        "18:6: another trigger on the store a is called \"n\"",
    ),
];

#[test]
fn errors_have_their_place_and_what_was_expected() {
    read(RIGHT).unwrap();
    let mut otherwise = Vec::new();
    for (wrong, message) in WRONG {
        let error = match read(&format!("{RIGHT}{wrong}\n")) {
            Ok(plan) => panic!("{wrong:?} is taken for {plan:?}"),
            Err(error) => error.to_string(),
        };
        let expected = format!("apps/keywell.toml:{message}");
        if !error.starts_with(&expected) {
            otherwise.push(format!("{wrong:?}\n     got {error}\nexpected {expected}"));
        }
        if error.lines().count() > 1 {
            otherwise.push(format!(
                "{wrong:?}\nis reported with what follows from it: {error}"
            ));
        }
    }
    assert!(otherwise.is_empty(), "{}", otherwise.join("\n"));
}
