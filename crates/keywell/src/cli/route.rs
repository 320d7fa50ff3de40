use std::fmt::Display;

/// Which requests an HTTP trigger answers, as it is shown.
pub(super) struct Route<'r> {
    pub(super) path: &'r str,
    pub(super) host: Option<&'r str>,
    pub(super) is_encrypted: bool,
}

// === impl Route ===

impl Route<'_> {
    /// The URL at an address, and the host.
    pub(super) fn at(&self, address: impl Display) -> String {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        let path = if self.path == "/" { "" } else { self.path };
        let host = self
            .host
            .map_or_else(String::new, |host| format!(" for the host {host}"));
        format!("{scheme}://{address}{path}{host}")
    }
}
