//! No command shows a secret: in its help, in an error, or in its log.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;
use std::process::Command;

use keywell_servers::Redis;
use support::{guest, keywell};

const CANARY: &str = "kanarienvogel";

/// Every command, so far that it opens a store.
fn commands() -> Vec<Vec<String>> {
    let counter = guest("counter");
    let counter = counter.to_str().unwrap();
    let texts: [&[&str]; 18] = [
        &["serve", counter, "--addr", "127.0.0.1:0"],
        &["serve", counter, "--watch", "SET@k"],
        &["run", counter],
        &["kv", "get", "k"],
        &["kv", "set", "k", "v"],
        &["kv", "delete", "k"],
        &["kv", "exists", "k"],
        &["kv", "list"],
        &["kv", "increment", "k"],
        &["kv", "watch", "--count", "1"],
        &["kv", "import"],
        &["kv", "export"],
        &["kv", "buckets"],
        &["conformance"],
        &["conformance", "--json", "--bucket", "trial"],
        &["deadletters", "list"],
        &["deadletters", "replay", "--all"],
        &["deadletters", "remove", "x"],
    ];
    let texts = texts.into_iter();
    texts
        .map(|words| words.iter().map(|word| (*word).to_owned()).collect())
        .collect()
}

/// Runs it, asserts that it does not show the canary, and answers whether it succeeded.
#[track_caller]
fn shows_nothing(command: &mut Command) -> bool {
    let ran = command.stdin(std::process::Stdio::null()).output().unwrap();
    let printed = String::from_utf8([ran.stdout, ran.stderr].concat()).unwrap();
    assert!(!printed.contains(CANARY), "{command:?}\n{printed}");
    assert!(!printed.contains("panicked"), "{command:?}\n{printed}");
    assert!(!printed.is_empty(), "{command:?}");
    ran.status.success()
}

fn with_canary(scheme: &str, host: &str) -> String {
    format!("{scheme}://u:{CANARY}@{host}")
}

#[test]
fn no_help_shows_what_the_environment_holds() {
    for words in commands() {
        let has_subcommand = ["kv", "deadletters"].contains(&&*words[0]);
        for named in 1..=1 + usize::from(has_subcommand) {
            for help in ["--help", "-h"] {
                let mut command = keywell();
                command
                    .args(&words[..named])
                    .arg(help)
                    .env("KEYWELL_STORE", with_canary("redis", "h"))
                    .env("KEYWELL_LOG", format!("{CANARY}=warn"))
                    .env("KEYWELL_CACHE", format!("/{CANARY}"));
                assert!(shows_nothing(&mut command));
            }
        }
    }
    for words in [&["inspect", "--help"][..], &["up", "--help"], &["--help"]] {
        let mut command = keywell();
        command
            .args(words)
            .env("KEYWELL_STORE", with_canary("redis", "h"))
            .env("KEYWELL_CACHE", format!("/{CANARY}"));
        assert!(shows_nothing(&mut command));
    }
}

#[test]
fn no_refusal_of_wrong_arguments_shows_them_where_they_may_be_secret() {
    let url = with_canary("redis", "127.0.0.1:1");
    let wrong: [&[String]; 9] = [
        std::slice::from_ref(&url),
        &["--".into(), url.clone(), url.clone()],
        &["--nonsense".into()],
        &[format!("--stroe={url}")],
        &["--store".into(), format!("redis:u:{CANARY}@h")],
        &["--store".into(), format!("u:{CANARY}@h")],
        &["--store".into(), format!("{url}?layout={CANARY}")],
        &["--store".into(), format!("{url}?{CANARY}")],
        &["--store".into(), format!("disk://u:{CANARY}@h/x")],
    ];
    let folder = tempfile::tempdir().unwrap();
    for words in commands() {
        for wrong in wrong {
            let mut command = keywell();
            command
                .args(&words)
                .args(wrong)
                .current_dir(&folder)
                .env("KEYWELL_STORE", &url);
            assert!(!shows_nothing(&mut command), "{command:?}");
        }
        // The environment is read as the option is.
        for wrong in [format!("redis:u:{CANARY}@h"), format!("{url}?{CANARY}")] {
            let mut command = keywell();
            command.args(&words).env("KEYWELL_STORE", wrong);
            assert!(!shows_nothing(&mut command), "{command:?}");
        }
    }
    let counter = guest("counter");
    for wrong in [
        ["--env", CANARY],
        ["--allow-http", &with_canary("https", "h")],
        ["--allow-http", &format!("https://h/?token={CANARY}")],
    ] {
        let mut command = keywell();
        command.arg("serve").arg(&counter).args(wrong);
        assert!(!shows_nothing(&mut command), "{command:?}");
    }
}

/// All commands against a store, with everything logged.
fn each_fails(store: &str) {
    let folder = tempfile::tempdir().unwrap();
    for words in commands() {
        for log in [&["--log", "trace"][..], &["--log", "trace", "--log-json"]] {
            let mut command = keywell();
            command
                .args(&words)
                .args(log)
                .current_dir(&folder)
                .env("KEYWELL_STORE", store);
            assert!(!shows_nothing(&mut command), "{command:?}");
        }
    }
}

#[test]
fn no_error_or_log_shows_the_password_of_a_server_that_is_not_there() {
    // Nothing listens at port 1.
    each_fails(&with_canary("redis", "127.0.0.1:1"));
    each_fails(&format!("rediss://127.0.0.1:1?user=u&password={CANARY}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_error_or_log_shows_a_password_that_is_refused() {
    let redis = Redis::builder().user("u", "right").start().await.unwrap();
    each_fails(&with_canary("redis", &redis.addr().to_string()));
    // One that does not know the command quotes what stands behind it.
    let quoting = Redis::builder().config("rename-command AUTH \"\"");
    let quoting = quoting.start().await.unwrap();
    each_fails(&with_canary("redis", &quoting.addr().to_string()));
}

#[test]
fn no_refusal_of_a_file_shows_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let url = with_canary("redis", "127.0.0.1:1");
    let counter = guest("counter");
    let rest = format!(
        "[component.c]\npath = {counter:?}\nstore = 'main'\n\
         [[trigger.http]]\ncomponent = 'c'\naddr = '127.0.0.1:0'\n"
    );
    for store in [
        format!("url = '{url}'"),
        format!("url = {url}"),
        format!("url = '{url}"),
        format!("url = \"{url}\\q\""),
        format!("url = '{url}'\nurl = '{url}'"),
        format!("url = ['{url}']"),
        format!("uri = '{url}'"),
        format!("url = 'redis:u:{CANARY}@h'"),
        format!("url = 'u:{CANARY}@h'"),
        format!("url = '{url}?{CANARY}'"),
        format!("url = '{url}?layout={CANARY}'"),
        format!("url = '{url}'\npassword = '{CANARY}'\nlayout = '{CANARY}'"),
        format!("url = '{url}'\npassword = {{ sceret = '{CANARY}' }}"),
        format!("url = 'redis://h'\npassword = {CANARY}"),
        format!("url = 'disk:x'\npassword = '{CANARY}'"),
    ] {
        refuses(
            folder.path(),
            &format!("[store.main]\n{store}\n{rest}"),
            &store,
        );
    }
    let memory = "[store.main]\nurl = 'memory:'\n";
    for (from, to) in [
        ("store = 'main'", format!("store = '{url}'")),
        ("component = 'c'", format!("component = '{url}'")),
        ("addr = '127.0.0.1:0'", format!("addr = '{url}'")),
        (
            "store = 'main'",
            format!("env = {{ TOKEN = ['{CANARY}'] }}"),
        ),
        ("store = 'main'", format!("env = {{ TOKEN = {CANARY} }}")),
        (
            "store = 'main'",
            format!("outgoing = 'https://u:{CANARY}@h'"),
        ),
        ("store = 'main'", format!("outgoing = 'https://h?{CANARY}'")),
        (
            "store = 'main'",
            format!("buckets = {{ b = {{ store = '{url}' }} }}"),
        ),
    ] {
        let text = format!("{memory}{rest}").replacen(from, &to, 1);
        refuses(folder.path(), &text, &to);
    }
}

fn refuses(folder: &Path, text: &str, what: &str) {
    std::fs::write(folder.join("keywell.toml"), text).unwrap();
    let mut command = keywell();
    command
        .arg("up")
        .current_dir(folder)
        .args(["--log", "trace"]);
    assert!(!shows_nothing(&mut command), "{what}");
}
