use super::section::Section;
use super::variables::Variables;
use crate::report::secrets::{has_password, is_secret};
use crate::{StorePlan, quoted};

/// `[store.NAME]`
pub(super) fn print(name: &str, store: &StorePlan, variables: &mut Variables, body: &mut String) {
    let mut section = Section::new(format!("[store.{}]", quoted::key(name)));
    let url = store.url.expose();
    if store.concealed.contains("url") || has_password(url) {
        let what = format!("the url of the store {name}");
        section.raw("url", variables.add(&[name, "url"], what, url));
    } else {
        section.text("url", url);
    }
    for (key, value) in &store.settings {
        let value = value.expose();
        if store.concealed.contains(key) || is_secret(key, value) {
            let what = format!("{key} of the store {name}");
            section.raw(key, variables.add(&[name, key], what, value));
        } else {
            section.text(key, value);
        }
    }
    section.finish_always(body);
}
