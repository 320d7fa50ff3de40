use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where the secrets of wadm's policies are, by `[policy.NAME]` of a keywell.toml.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Policies(BTreeMap<String, PolicyPlan>);

/// Where the secrets of a policy are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PolicyPlan {
    /// The backend whose policies it is for, whatever their names are.
    pub(crate) backend: Option<String>,
    /// Where the secrets are.
    pub(crate) source: SecretSource,
}

/// Where secrets are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecretSource {
    /// In environment variables: this, and the key in capitals.
    Environment(String),
    /// In the files of a folder, one for each key.
    Folder(PathBuf),
    /// Among the secrets of Keywell itself, by the key.
    Secrets,
}

// === impl Policies ===

impl Policies {
    pub(crate) fn insert(&mut self, name: String, policy: PolicyPlan) {
        self.0.insert(name, policy);
    }

    /// The one for a policy of a manifest: by its name, else by its backend.
    pub(crate) fn find(&self, name: &str, backend: Option<&str>) -> Option<&SecretSource> {
        let of_backend = || {
            let backend = backend?;
            let mut policies = self.0.iter();
            policies.find(|(name, policy)| match &policy.backend {
                Some(known) => known == backend,
                None => *name == backend,
            })
        };
        let named = self.0.get_key_value(name);
        named.or_else(of_backend).map(|(_, policy)| &policy.source)
    }
}
