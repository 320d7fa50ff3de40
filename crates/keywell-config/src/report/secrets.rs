//! Which parts of a text are not shown.

use std::ops::Range;

/// The parts of a URL that may be secret: the password, or the whole login where it has no user, and
/// all values of settings. The whole text, if it is no URL.
pub(crate) fn of_url(url: &str) -> Vec<Range<usize>> {
    let is_scheme = |scheme: &str| {
        let mut characters = scheme.chars();
        !scheme.is_empty()
            && characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    };
    let Some((scheme, rest)) = url.split_once(':') else {
        return std::iter::once(0..url.len()).collect();
    };
    if !is_scheme(scheme) {
        return std::iter::once(0..url.len()).collect();
    }
    let mut secrets = Vec::new();
    // The last one: a password may have others, whatever it should be written as.
    if let Some(at) = url.rfind('@') {
        let slashes = if rest.starts_with("//") { 2 } else { 0 };
        let login = scheme.len() + 1 + slashes;
        if login < at {
            let user = url[login..at].find(':').map_or(0, |colon| colon + 1);
            secrets.push(login + user..at);
        }
    }
    if let Some(query) = url.find('?') {
        let mut from = query + 1;
        for setting in url[from..].split('&') {
            let value = setting.find('=').map_or(0, |equals| equals + 1);
            secrets.push(from + value..from + setting.len());
            from += setting.len() + 1;
        }
    }
    secrets
}

/// Whether a text is, or ends in, a URL with a password: in its login, or as a setting.
pub fn has_password(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else {
        return false;
    };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let login = place.rsplit_once('@').map_or("", |(login, _)| login);
    let password = login.split_once(':').map_or("", |(_, password)| password);
    let is_set = |setting: &str| {
        setting
            .strip_prefix("password=")
            .is_some_and(|value| !value.is_empty())
    };
    !password.is_empty() || query.split('&').any(is_set)
}

/// Whether a key's name says that its value is not to be shown.
pub(crate) fn is_confidential(key: &str) -> bool {
    let key = key.to_lowercase();
    let words = [
        "pass", "secret", "token", "key", "pin", "cred", "auth", "pwd", "jwt", "seed",
    ];
    words.iter().any(|word| key.contains(word))
}

/// Whether the value of a setting may be secret.
pub(crate) fn is_secret(key: &str, value: &str) -> bool {
    is_confidential(key) || has_password(value)
}

/// The secrets of all URLs with a login or settings in a text, whatever they stand in.
pub(super) fn in_urls(text: &str) -> Vec<Range<usize>> {
    let is_of_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let mut secrets = Vec::new();
    for word in text.split_whitespace() {
        let scheme = word.match_indices("://").find_map(|(slashes, _)| {
            let scheme = word[..slashes].trim_end_matches(is_of_scheme).len();
            (scheme < slashes).then_some(scheme)
        });
        let Some(scheme) = scheme else {
            continue;
        };
        let begin = word.as_ptr().addr() - text.as_ptr().addr() + scheme;
        // What ends the text that it stands in is no part of it.
        let url = word[scheme..].trim_end_matches(['"', '\'', ',', ')', ']', '}']);
        let url = of_url(url).into_iter();
        secrets.extend(url.map(|secret| begin + secret.start..begin + secret.end));
    }
    secrets
}

/// For a text that cannot be parsed: everything behind the `=` of a line, unless its key is known not
/// to be secret, and every line that is neither that nor the head of a table.
pub(crate) fn in_broken(text: &str, is_shown: impl Fn(&str) -> bool) -> Vec<Range<usize>> {
    let mut secrets = Vec::new();
    let mut from = 0;
    for line in text.split('\n') {
        let secret = match line.split_once('=') {
            None if is_head(line.trim_end()) => line.len()..line.len(),
            None => line.len() - line.trim_start().len()..line.trim_end().len(),
            Some((key, value)) if is_shown(key.trim()) && !value.contains('{') => {
                line.len()..line.len()
            }
            Some((key, value)) => {
                let begin = key.len() + 1 + value.len() - value.trim_start().len();
                begin..line.trim_end().len()
            }
        };
        secrets.push(from + secret.start..from + secret.end.max(secret.start));
        from += line.len() + 1;
    }
    secrets
}

/// Whether a line is the head of a table, at least of one that there is.
fn is_head(line: &str) -> bool {
    let known = [
        "[store",
        "[component",
        "[trigger",
        "[limits",
        "[[trigger",
        "[policy",
        "[provider",
    ];
    known.iter().any(|known| line.starts_with(known)) && !line.contains(['"', '\''])
}

/// The same ranges in their order and apart from each other, without empty ones.
pub(super) fn joined(mut secrets: Vec<Range<usize>>) -> Vec<Range<usize>> {
    secrets.retain(|secret| !secret.is_empty());
    secrets.sort_by_key(|secret| secret.start);
    let mut joined: Vec<Range<usize>> = Vec::new();
    for secret in secrets {
        match joined.last_mut() {
            Some(last) if secret.start <= last.end => last.end = last.end.max(secret.end),
            _ => joined.push(secret),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str, secrets: Vec<Range<usize>>) -> String {
        let mut masked = text.to_owned();
        for secret in joined(secrets).into_iter().rev() {
            masked.replace_range(secret, "*");
        }
        masked
    }

    #[test]
    fn of_a_url_the_login_and_the_values_of_settings_are_secret() {
        for (url, shown) in [
            ("memory:", "memory:"),
            ("disk:data/x", "disk:data/x"),
            ("redis://h:1/2", "redis://h:1/2"),
            ("redis://user:hunter2@h", "redis://user:*@h"),
            ("redis://:hunter2@h", "redis://:*@h"),
            ("redis://hunter2@h", "redis://*@h"),
            ("redis://u:hu@nt:er2@h", "redis://u:*@h"),
            (
                "redis+cluster://u:a@h1,u:b@h2/3",
                "redis+cluster://u:*@h2/3",
            ),
            ("user:hunter2@h", "user:*@h"),
            ("hunter2", "*"),
            ("hunter2@h", "*"),
            ("hun ter:2", "*"),
            (
                "redis://h?layout=flat&password=hunter2",
                "redis://h?layout=*&password=*",
            ),
            ("redis://h?password=hun@ter2", "redis://*"),
            ("redis://h?hunter2", "redis://h?*"),
        ] {
            assert_eq!(masked(url, of_url(url)), shown);
        }
    }

    #[test]
    fn a_password_is_seen_where_urls_have_one() {
        for url in [
            "redis://u:p@h",
            "redis://:p@h",
            "http://h?password=p",
            "a://u:p@h,v:q@i",
        ] {
            assert!(has_password(url), "{url}");
        }
        for url in [
            "redis://h",
            "redis://u@h",
            "redis://u:@h",
            "disk:a@b:c",
            "a://h/x:y@z?password=",
        ] {
            let expected = url.contains("x:y@z");
            assert_eq!(has_password(url), expected, "{url}");
        }
    }

    #[test]
    fn urls_are_found_wherever_they_stand() {
        let text = "x = ['redis://h?a=b'], store = 'redis://u:hunter2@h' # x://a http://u:p@x, redis://h?a=b";
        let shown =
            "x = ['redis://h?a=*'], store = 'redis://u:*@h' # x://a http://u:*@x, redis://h?a=*";
        assert_eq!(masked(text, in_urls(text)), shown);
        let twice = "redis://u:p@h redis://u:p@h";
        assert_eq!(masked(twice, in_urls(twice)), "redis://u:*@h redis://u:*@h");
    }

    #[test]
    fn of_a_broken_text_only_what_is_known_not_to_be_secret_is_shown() {
        let text = "[store.a]\nurl = redis://u:p@h\npassword = \"hunter2\n  on = SET@k\n\
                    on = 'x\n[\"hunter2\"\nhunter2\"\"\"\nstore = {a\r\n\r\n";
        let shown = "[store.a]\nurl = *\npassword = *\n  on = SET@k\n\
                    on = 'x\n*\n*\nstore = *\r\n\r\n";
        let is_shown = |key: &str| ["on", "store"].contains(&key);
        assert_eq!(masked(text, in_broken(text, is_shown)), shown);
    }
}
