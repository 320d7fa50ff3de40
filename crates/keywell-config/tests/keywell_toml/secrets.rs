//! Values that may be secret, taken from the environment or from a file.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use keywell_config::{Draft, Severity};

/// A folder with files of secrets.
fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("secrets");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, content) in [
        ("url", b"redis://u:hunter2@h\r\n".to_vec()),
        ("lines", b"a\n\n".to_vec()),
        ("latin1", b"caf\xe9".to_vec()),
        ("full", vec![b'x'; 64 << 10]),
        ("large", vec![b'x'; (64 << 10) + 1]),
    ] {
        // Other tests read them meanwhile.
        let mut file = tempfile::NamedTempFile::new_in(&folder).unwrap();
        file.write_all(&content).unwrap();
        file.persist(folder.join(name)).unwrap();
    }
    folder
}

fn draft(text: &str) -> Draft {
    let rest = "[[trigger.http]]\ncomponent = 'c'\n";
    Draft::from_toml(&folder().join("keywell.toml"), &format!("{text}{rest}"))
}

#[test]
fn a_secret_may_stand_in_a_file_or_in_the_environment() {
    let draft = draft(
        "[store.s]\nurl = { file = 'url' }\npassword = { env = 'CARGO_PKG_NAME' }\n\
         [component.c]\npath = 'c'\n\
         env = { A = { file = 'lines' }, B = { env = 'CARGO_PKG_NAME' }, C = { file = 'full' } }\n",
    );
    let debugged = format!("{draft:?}");
    assert!(
        !debugged.contains("hunter2") && !debugged.contains("xxxx"),
        "{debugged}"
    );
    assert!(draft.report.problems().is_empty(), "{}", draft.report);
    let plan = draft.finish().unwrap();
    let store = &plan.stores["s"];
    assert_eq!(store.url.expose(), "redis://u:hunter2@h");
    assert_eq!((store.url.place.line, store.url.place.column), (2, 1));
    let name = env!("CARGO_PKG_NAME");
    assert_eq!(store.settings[0].1.expose(), name);
    let env = &plan.components["c"].env;
    let env: Vec<_> = env.iter().map(|(_, value)| value.expose()).collect();
    assert_eq!(env[..2], ["a\n", name]);
    assert_eq!(env[2].len(), 64 << 10);
}

#[test]
fn a_secret_that_is_not_there_is_one_problem_with_its_place() {
    for (url, message) in [
        (
            "{ env = 'KEYWELL_NO_SUCH' }",
            "2:15: store.s.url: the environment variable KEYWELL_NO_SUCH is not set",
        ),
        (
            "{ env = '' }",
            "2:15: store.s.url: the environment variable \"\" cannot be",
        ),
        ("{ file = 'absent' }", "2:16: store.s.url: the file "),
        ("{ file = 'latin1' }", "2:16: store.s.url: the file "),
        ("{ file = 'large' }", "2:16: store.s.url: the file "),
        ("{ file = '.' }", "2:16: store.s.url: the file "),
        ("{}", "2:1: store.s.url: write one of env, file and secret"),
        (
            "{ env = 'A', file = 'b' }",
            "2:1: store.s.url: write one of env, file and secret",
        ),
        (
            "{ evn = 'A' }",
            "2:9: there is no evn in store.s.url; did you mean env?",
        ),
        (
            "{ env = 1 }",
            "2:15: store.s.url.env should be a text in quotes",
        ),
        (
            "[1]",
            "2:1: store.s.url should be a text in quotes, or a table with env, file or secret",
        ),
    ] {
        let text = format!("[store.s]\nurl = {url}\n[component.c]\npath = 'c'\nstore = 's'\n");
        let report = draft(&text).report;
        assert_eq!(report.errors(), 1, "{url}: {report}");
        let problem = report.to_string();
        let expected = format!("keywell.toml:{message}");
        assert!(problem.contains(&expected), "{url}: {problem}");
        assert!(!report.render(false).contains("hunter2"));
    }
}

#[test]
fn a_password_as_plain_text_is_warned_of_once() {
    let text = "[store.s]\nurl = 'redis://u:hunter2@h'\n\
                [store.t]\nurl = 'redis://h?password=hunter2'\n\
                [component.c]\npath = 'c'\nenv = { A = 'http://u:hunter2@h' }\n";
    let report = draft(text).report;
    let [problem] = report.problems() else {
        panic!("{report}");
    };
    assert_eq!(problem.severity, Severity::Warning);
    assert_eq!((problem.place.line, problem.place.column), (2, 7));
    let shown = report.render(false);
    assert!(shown.contains("2 | url = 'redis://u:***@h'"), "{shown}");
    let text = text
        .replace(":hunter2", "")
        .replace("?password=hunter2", "");
    assert!(draft(&text).report.problems().is_empty());
}
