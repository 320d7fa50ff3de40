use std::collections::BTreeMap;
use std::path::PathBuf;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::seldom::Seldom;

/// A folder of the machine that a component sees as a preopened one of `wasi:filesystem`, with
/// everything in it. Links in it do not lead out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantedDir {
    /// The folder.
    pub host: PathBuf,
    /// What the component calls it.
    pub guest: String,
    /// Whether the component may only read.
    pub is_read_only: bool,
}

/// The folders of this process that an instance went without.
static MISSING: Mutex<BTreeMap<PathBuf, Seldom>> = Mutex::new(BTreeMap::new());

// === impl GrantedDir ===

impl GrantedDir {
    /// An instance goes without it. How many did since that was last logged, where it is to be logged
    /// now.
    pub(crate) fn went_missing(&self) -> Option<u64> {
        let mut missing = MISSING.lock();
        let seldom = missing.entry(self.host.clone()).or_default();
        seldom.happened(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_gone_is_logged_once_and_not_for_each_instance() {
        let dir = |host: &str| GrantedDir {
            host: host.into(),
            guest: "/data".to_owned(),
            is_read_only: false,
        };
        let hosts = ["/gone/a", "/gone/a", "/gone/b", "/gone/a"];
        let logged = hosts.map(|host| dir(host).went_missing());
        assert_eq!(logged, [Some(1), None, Some(1), None]);
    }
}
