//! Secrets and configuration sets that a file names, from wherever they are looked up.

use std::path::Path;

use keywell_config::{Draft, Lookup, Plan, Secret, Severity, TriggerPlan};

const CANARY: &str = "kanarienvogel";

/// A state folder in memory.
struct Folder;

impl Lookup for Folder {
    fn variable(&self, name: &str) -> Result<Option<Secret>, String> {
        match name {
            "SET" => Ok(Some(CANARY.to_owned().into())),
            "BROKEN" => Err("is not UTF-8".to_owned()),
            _ => Ok(None),
        }
    }

    fn config_set(&self, name: &str) -> Result<Option<Vec<(String, String)>>, String> {
        let values: &[(&str, &str)] = match name {
            "a" => &[("colour", "blue"), ("size", "1")],
            "b" => &[("size", "2")],
            "watching" => &[("url", "redis://h"), ("watch", "SET@k,DEL@k")],
            "elsewhere" => &[("url", "redis://other"), ("watch", "SET@other")],
            "password" => &[("url", "redis://u:kanarienvogel@h")],
            "broken" => return Err("cannot be read: it is broken".to_owned()),
            _ => return Ok(None),
        };
        let values = values.iter();
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Ok(Some(values.map(owned).collect()))
    }

    fn secret(&self, name: &str) -> Result<Option<Secret>, String> {
        match name {
            "there" => Ok(Some(CANARY.to_owned().into())),
            "url" => Ok(Some(format!("redis://u:{CANARY}@h").into())),
            "broken" => Err("cannot be read: it is broken".to_owned()),
            _ => Ok(None),
        }
    }
}

/// The draft of a store and a component with these lines.
fn draft(store: &str, component: &str) -> Draft {
    let text = format!(
        "[store.s]\n{store}\n[component.c]\npath = 'c'\nstore = 's'\n{component}\n\
         [[trigger.http]]\ncomponent = 'c'\n"
    );
    Draft::from_toml_with(Path::new("keywell.toml"), &text, &Folder)
}

const REDIS: &str = "url = 'redis://h'";

fn config(plan: &Plan) -> Vec<(&str, &str)> {
    let config = plan.components["c"].config.iter();
    config.map(|(key, value)| (&**key, &**value)).collect()
}

fn watches(plan: &Plan) -> Vec<(&str, &str, bool)> {
    let watches = plan.triggers.iter().filter_map(|trigger| match trigger {
        TriggerPlan::Watch(watch) => Some((&*watch.store, watch.on[0].as_str(), watch.is_optional)),
        TriggerPlan::Http(_) | TriggerPlan::Command(_) | TriggerPlan::Invoke(_) => None,
    });
    watches.collect()
}

/// What is wrong, a problem each.
fn problems(draft: &Draft) -> Vec<String> {
    let problems = draft.report.problems().iter();
    problems.map(ToString::to_string).collect()
}

#[test]
fn a_secret_of_the_state_folder_stands_wherever_one_may() {
    let draft = draft(
        "url = { secret = 'url' }\npassword = { secret = 'there' }",
        "env = { A = { secret = 'there' }, B = { env = 'SET' } }\nconfig = { k = { secret = 'there' } }",
    );
    let debugged = format!("{draft:?}");
    assert!(!debugged.contains(CANARY), "{debugged}");
    assert_eq!(problems(&draft), [""; 0]);
    let plan = draft.finish().unwrap();
    let store = &plan.stores["s"];
    assert_eq!(store.url.expose(), format!("redis://u:{CANARY}@h"));
    assert_eq!(store.settings[0].1.expose(), CANARY);
    let env = &plan.components["c"].env;
    assert!(env.iter().all(|(_, value)| value.expose() == CANARY));
    assert_eq!(config(&plan), [("k", CANARY)]);
}

#[test]
fn a_secret_that_cannot_be_had_is_one_problem_with_its_place() {
    for (url, problem) in [
        (
            "{ secret = 'absent' }",
            "2:18: store.s.url: the secret \"absent\" is not there; `keywell secret put absent` makes \
             it",
        ),
        (
            "{ secret = 'broken' }",
            "2:18: store.s.url: the secret \"broken\" cannot be read: it is broken",
        ),
        (
            "{ env = 'BROKEN' }",
            "2:15: store.s.url: the environment variable BROKEN is not UTF-8",
        ),
        (
            "{ env = 'SET', secret = 'there' }",
            "2:1: store.s.url: write one of env, file and secret",
        ),
        (
            "{ secret = 1 }",
            "2:18: store.s.url.secret should be a text in quotes",
        ),
    ] {
        let draft = draft(&format!("url = {url}"), "");
        assert_eq!(
            problems(&draft),
            [format!("keywell.toml:{problem}")],
            "{url}"
        );
    }
    let text = "[store.s]\nurl = { secret = 'there' }\n[component.c]\npath = 'c'\n\
                config-sets = 'a'\n[[trigger.http]]\ncomponent = 'c'\n";
    let report = Draft::from_toml(Path::new("keywell.toml"), text).report;
    assert_eq!(report.errors(), 2, "{report}");
    assert!(
        report
            .to_string()
            .contains("this program has no state folder"),
        "{report}"
    );
}

#[test]
fn a_later_set_wins_and_the_component_s_own_values_over_all() {
    let draft = draft(
        REDIS,
        "config-sets = ['a', 'b']\nconfig = { colour = 'red', extra = 3 }",
    );
    assert_eq!(problems(&draft), [""; 0]);
    let plan = draft.finish().unwrap();
    // Of two with one key the later is read.
    let expected = [
        ("colour", "blue"),
        ("size", "1"),
        ("size", "2"),
        ("colour", "red"),
        ("extra", "3"),
    ];
    assert_eq!(config(&plan), expected);
    assert_eq!(watches(&plan), []);
}

#[test]
fn a_set_that_cannot_be_had_is_one_problem_with_its_place() {
    let draft = draft(REDIS, "config-sets = ['a', 'absent', 'broken']\n");
    assert_eq!(
        problems(&draft),
        [
            "keywell.toml:6:21: there is no configuration set \"absent\"; \
             `keywell config put absent KEY=VALUE` makes it",
            "keywell.toml:6:31: the configuration set \"broken\" cannot be read: it is broken",
        ]
    );
}

#[test]
fn a_password_in_a_set_is_warned_of_and_not_shown() {
    let draft = draft(REDIS, "config-sets = 'password'");
    let [problem] = draft.report.problems() else {
        panic!("{}", draft.report);
    };
    assert_eq!(problem.severity, Severity::Warning);
    assert_eq!((problem.place.line, problem.place.column), (6, 15));
    for shown in [draft.report.render(false), format!("{draft:?}")] {
        assert!(!shown.contains(CANARY), "{shown}");
    }
}

#[test]
fn the_last_watch_of_the_sets_is_a_trigger_that_may_be_left_out() {
    let draft = draft(REDIS, "config-sets = ['elsewhere', 'watching']");
    assert_eq!(problems(&draft), [""; 0]);
    let plan = draft.finish().unwrap();
    assert_eq!(watches(&plan), [("s", "SET@k,DEL@k", true)]);
    plan.check().unwrap();
    // Without another trigger, too.
    let text = "[store.s]\nurl = 'redis://h'\n[component.c]\npath = 'c'\nstore = 's'\n\
                config-sets = 'watching'\n";
    let draft = Draft::from_toml_with(Path::new("keywell.toml"), text, &Folder);
    assert_eq!(problems(&draft), [""; 0]);
    assert_eq!(watches(&draft.plan), [("s", "SET@k,DEL@k", true)]);
}

#[test]
fn a_watch_of_a_set_that_would_surprise_is_a_problem() {
    let named = "[[trigger.watch]]\ncomponent = 'c'\non = 'SET@x'\n";
    for (store, component, problem) in [
        (
            REDIS,
            "config-sets = 'elsewhere'",
            "6:15: warning: the url of the configuration set \"elsewhere\" is not used: its watch is on the \
             store s",
        ),
        (
            REDIS,
            &format!("config-sets = 'watching'\n{named}"),
            "6:15: the watch of the configuration set \"watching\" and a [[trigger.watch]] call c for \
             one bucket; name the [[trigger.watch]], or leave out one of them",
        ),
        (
            REDIS,
            "buckets = { other = 'x' }\nconfig-sets = 'watching'",
            "",
        ),
    ] {
        let draft = draft(store, component);
        let expected = format!("keywell.toml:{problem}");
        let expected = (!problem.is_empty()).then_some(expected);
        assert_eq!(problems(&draft), Vec::from_iter(expected), "{component}");
    }
    let draft = draft(
        REDIS,
        &format!("config-sets = 'watching'\n{named}name = 'mine'\n"),
    );
    assert_eq!(problems(&draft), [""; 0]);
    let text = "[store.s]\nurl = 'redis://h'\n[component.c]\npath = 'c'\nbuckets = { b = 'b' }\n\
                config-sets = 'watching'\n[[trigger.http]]\ncomponent = 'c'\n";
    let draft = Draft::from_toml_with(Path::new("keywell.toml"), text, &Folder);
    let expected = "keywell.toml:6:15: warning: the watch of the configuration set \"watching\" starts nothing: \
                    the component c is not granted the bucket \"default\"";
    assert_eq!(problems(&draft), [expected]);
    assert_eq!(watches(&draft.plan), []);
}
