use keywell_store::StoreUrl;

/// Text is read as a scheme, a place and settings, from which it can be put together again; what
/// is shown of it, as a URL or as an error, has neither a setting's value nor a login.
pub fn store_urls(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let shown = match text.parse::<StoreUrl>() {
        Ok(url) => {
            check_parts(text, &url);
            url.to_string()
        }
        Err(error) => error.to_string(),
    };
    for value in secrets(text) {
        assert!(!shown.contains(value), "{shown:?} shows {value:?}");
    }
}

fn check_parts(text: &str, url: &StoreUrl) {
    let (scheme, place) = (url.scheme(), url.place());
    assert!(!scheme.is_empty() && !scheme.contains([':', '?', '/']));
    assert!(!place.contains('?'));
    let settings: Vec<_> = url
        .settings()
        .map(|(name, value)| {
            let value = value.replace('%', "%25").replace('&', "%26");
            [name, &value].join("=")
        })
        .collect();
    let mut again = format!("{scheme}:{place}");
    // A scheme may be written in capitals.
    let (written, rest) = text.split_at_checked(scheme.len()).unwrap_or_default();
    assert!(written.eq_ignore_ascii_case(scheme), "{url:?}");
    assert!(rest.starts_with(&again[scheme.len()..]), "{url:?}");
    if !settings.is_empty() {
        again = format!("{again}?{}", settings.join("&"));
    }
    assert_eq!(again.parse::<StoreUrl>().as_ref(), Ok(url));

    let shown: StoreUrl = url.to_string().parse().expect("a URL is shown as one");
    assert_eq!(shown.scheme(), scheme);
    assert_eq!(shown.settings().count(), 0);
    if place.contains('@') {
        assert!(place.ends_with(shown.place().trim_start_matches('/')));
    } else {
        assert_eq!(shown.place(), place);
    }
}

/// The login, and values of settings, that are nowhere else in what is shown: not in the part of
/// the text that may be, nor in what an error says of itself.
fn secrets(text: &str) -> impl Iterator<Item = &str> {
    let (before, query) = text.split_once('?').unwrap_or((text, ""));
    let settings = query
        .split('&')
        .filter_map(|setting| setting.split_once('='));
    let (scheme, place) = before.split_once(':').unwrap_or((before, ""));
    let authority = place.strip_prefix("//").unwrap_or("");
    let authority = authority.split('/').next().unwrap_or("");
    let login = authority.rsplit_once('@').map(|(login, _)| login);
    let behind_login = login.map_or(place, |login| &place["//".len() + login.len()..]);
    // As an error shows it, escaped; names of settings are no secret.
    let names: Vec<&str> = settings.clone().map(|(name, _)| name).collect();
    let open = format!("{scheme:?} {behind_login:?} {names:?}");
    let values = settings.map(|(_, value)| value).chain(login);
    values.filter(move |value| {
        value.len() >= 8
            && value.chars().all(char::is_alphanumeric)
            && value.contains(|c: char| c.is_ascii_digit())
            && !open.contains(value)
    })
}
