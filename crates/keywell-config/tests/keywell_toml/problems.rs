//! Everything that is wrong with a file is reported in one run, with its line.

use std::path::Path;

use keywell_config::{Draft, Report, Severity, TriggerPlan};

use crate::read;

fn report(text: &str) -> Report {
    Draft::from_toml(Path::new("apps/keywell.toml"), text).report
}

/// The problems as lines, without the file.
fn problems(text: &str) -> Vec<String> {
    let report = report(text);
    let problems = report.problems().iter().map(|problem| {
        let line = problem.to_string();
        line.replace("apps/keywell.toml:", "")
    });
    problems.collect()
}

/// With one of each kind of mistake, and much that depends on what is wrong.
const BROKEN: &str = r#"[limits]
memroy = "64MiB"
timeout = "soon"

[store.main]
url = 5
layout = "journal"

[store.letters]
history = [1]

[component.counter]
pth = "counter.wasm"
store = "main"
env = { TOKEN = "hunter2", "A=B" = 1 }

[component.alerts]
path = "alerts.wasm"
store = "mian"
buckets.orders = { read-only = "maybe", buckte = "x" }

[[trigger.http]]
component = "counter"
addr = "localhost"
reuse = -1

[[trigger.watch]]
component = "alerts"
bucket = "orders"
positions = "main"
parallel = 0

[[trigger.watch]]
component = "allerts"
on = "SET@k"
dead-letters = { store = "lettres" }
"#;

#[test]
fn every_problem_of_a_file_is_reported_and_nothing_that_follows_from_it() {
    let expected = [
        "2:1: there is no memroy in limits; did you mean memory?",
        "3:11: limits.timeout: begin with a whole number",
        "6:7: store.main.url should be a text in quotes, or a table with env, file or secret",
        "9:8: store.letters has no url",
        "10:1: store.letters.history should be a text, a number, true or false, or a table with env, file or secret",
        "13:1: there is no pth in component.counter; did you mean path?",
        "15:28: a variable's name is not empty and has no = in it",
        "19:9: there is no store \"mian\"; did you mean main?",
        "20:32: component.alerts.buckets.orders.read-only should be true or false",
        "20:41: there is no buckte in component.alerts.buckets.orders; did you mean bucket?",
        "24:8: trigger.http.addr: write an address or a name, and a port, such as 127.0.0.1:8080",
        "25:9: trigger.http.reuse should be a whole number, 1 to 4294967294",
        "27:1: trigger.watch has no on",
        "31:12: trigger.watch.parallel should be a whole number, 1 to 10000",
        "34:13: there is no component \"allerts\"; did you mean alerts?",
        "36:1: trigger.watch.dead-letters has no bucket",
        "36:26: there is no store \"lettres\"; did you mean letters?",
    ];
    assert_eq!(problems(BROKEN), expected);
    assert_eq!(report(BROKEN).count(), "17 errors");
    let error = read(BROKEN).unwrap_err();
    assert_eq!(error.report(), report(BROKEN));
    assert_eq!(error.to_string().lines().count(), 17);
}

#[test]
fn what_could_be_read_is_in_the_draft() {
    let draft = Draft::from_toml(Path::new("keywell.toml"), BROKEN);
    let names: Vec<_> = draft.plan.components.keys().map(String::as_str).collect();
    assert_eq!(names, ["alerts"]);
    assert!(draft.plan.stores.is_empty());
    // What it is called for can be checked further.
    let [TriggerPlan::Watch(watch)] = &draft.plan.triggers[..] else {
        panic!("{:?}", draft.plan.triggers);
    };
    assert_eq!((&*watch.component, watch.on[0].as_str()), ("", "SET@k"));
    assert!(draft.finish().is_err());
}

#[test]
fn a_problem_is_shown_with_its_line_and_what_is_wrong_underlined() {
    let text = "[component.c]\npath = 'c'\n\tstore = 'mian' # ü\n\
                [store.main]\nurl = 'memory:'\n[[trigger.http]]\ncomponent = 'c'\n";
    let expected = "error: there is no store \"mian\"\n \
                    --> apps/keywell.toml:3:10\n  \
                    |\n\
                    3 |  store = 'mian' # ü\n  \
                    |          ^^^^^^\n  \
                    |\n  \
                    = help: did you mean main?\n\n";
    assert_eq!(report(text).render(false), expected);
}

#[test]
fn no_line_that_is_shown_has_a_secret() {
    let broken_too = "password = \"hunter2\n";
    for text in [
        BROKEN.to_owned(),
        format!("{BROKEN}{broken_too}"),
        "[store.s]\nurl = 'redis://u:hunter2@h'\nx = [1]\n".to_owned(),
        "[store.s]\nurl = 'redis://h?password=hunter2'\nurl = 1\n".to_owned(),
        "[store]\ns = { password = 'hunter2', url = [] }\n".to_owned(),
        "store = { s = { password = 'hunter2', x = [] } }\n".to_owned(),
        "store = 'hunter2'\n".to_owned(),
        "[[store]]\npassword = 'hunter2'\nx.y = 'hunter2'\n".to_owned(),
        "[stroe.main]\npassword = 'hunter2'\n".to_owned(),
        "stroe = { main = { password = 'hunter2' } }\n".to_owned(),
        "[component]\nc = { paht = 'c', env = { TOKEN = 'hunter2' } }\n".to_owned(),
        "[component.c]\npath = 'c'\nenviron = { TOKEN = 'hunter2' }\n".to_owned(),
        "[component.c]\npath = 'c'\nenv = { TOKEN = 'hunter2', X = [] }\n".to_owned(),
        "[component.c]\npath = 'c'\nenv = { '' = 'hunter2' }\n".to_owned(),
        "[component.c]\npath = 'c'\nenv = 'hunter2'\n".to_owned(),
        "[component.c]\npath = 'c'\nstore = 'redis://u:hunter2@h'\n".to_owned(),
        "[component.c]\npath = 'c'\nstore = 'm' # redis://u:hunter2@h\n".to_owned(),
        "[[trigger.http]]\ncomponent = 'c'\npassword = 'hunter2'\n".to_owned(),
        "[store.s]\nurl = redis://u:hunter2@h\n".to_owned(),
        "[store.s]\nurl = 'memory:'\npassword = hunter2\n".to_owned(),
        "[store.s]\nurl = 'memory:'\npassword = '''\nhunter2\n".to_owned(),
        "[component.c]\nenv = { TOKEN = 'hunter2\n".to_owned(),
        "[component.c]\nenv.TOKEN = hunter2\n".to_owned(),
    ] {
        let report = report(&text);
        assert!(report.has_errors(), "{text}");
        let shown = report.render(false);
        assert!(!shown.contains("hunter2"), "{text}\n{shown}");
        let debugged = format!("{report:?} {:?}", Draft::from_toml(Path::new("x"), &text));
        assert!(!debugged.contains("hunter2"), "{debugged}");
    }
}

#[test]
fn text_that_is_not_toml_is_reported_where_it_is_not() {
    let text = "[component.c]\npath = 'c'\nstore =\n[trigger\nx\n[[trigger.http]]\nreuse = 'no'\n";
    let problems = problems(text);
    assert!(problems[0].starts_with("3:8: "), "{problems:?}");
    assert!(problems[1].starts_with("4:9: "), "{problems:?}");
    // Whether something is missing cannot be known.
    let missing = |problem: &String| problem.contains("has no") || problem.contains("there is no");
    assert!(!problems.iter().any(missing), "{problems:?}");
    let twice = "[store.a]\nurl = 'memory:'\nurl = 'memory:'\n[limits]\nmemory = 'x'\n";
    let expected = [
        "3:1: duplicate key",
        "5:10: limits.memory: begin with a whole number",
    ];
    assert_eq!(super::problems::problems(twice), expected);
}

#[test]
fn a_file_full_of_problems_is_bounded() {
    let many: Vec<_> = (0..100).map(|n| format!("key-{n} = {n}\n")).collect();
    let many = many.concat();
    let report = report(&many);
    assert_eq!(report.errors(), 101);
    let shown = report.render(false);
    assert_eq!(shown.matches("error: ").count(), Report::MAX_SHOWN);
    assert!(shown.ends_with("and 51 more\n"), "{shown}");
    // Neither many of them nor a long line takes long.
    let line = (0..20_000).map(|n| format!("key-{n} = {n}, "));
    let long = format!("limits = {{ {} }}\n", line.collect::<String>());
    let shown = super::problems::report(&long).render(false);
    assert!(shown.len() < 50_000, "{}", shown.len());
}

#[test]
fn triggers_with_one_address_clash() {
    let text = "[component.c]\npath = 'c'\n[[trigger.http]]\ncomponent = 'c'\n\
                [[trigger.http]]\ncomponent = 'c'\naddr = '0.0.0.0:8080'\n";
    let report = report(text);
    assert_eq!(report.problems()[0].severity, Severity::Error);
    let expected = "5:1: 0.0.0.0:8080 is taken by 127.0.0.1:8080 of another trigger, which calls c; \
                    give each an addr with its own port";
    assert_eq!(problems(text), [expected]);
}
