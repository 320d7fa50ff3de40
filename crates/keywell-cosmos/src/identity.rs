//! The platform's usual credentials for Microsoft Entra, of which the first that yields a token is
//! used: a workload identity of Kubernetes, a secret of a client in the environment, a managed
//! identity of a machine in Azure, and the tools of developers (`az`, `azd`).

use std::env::var;
use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::{Secret, TokenCredential};
use azure_identity::{
    ClientSecretCredential, DeveloperToolsCredential, ManagedIdentityCredential,
    WorkloadIdentityCredential,
};
use keywell_client::Deadline;
use keywell_store::{Error, Result};

/// What tokens for data of Cosmos DB are for.
const SCOPE: &str = "https://cosmos.azure.com/.default";
/// How long one of them may take. Outside Azure, nothing answers for a managed identity.
const PATIENCE: Duration = Duration::from_secs(3);

type Credential = Arc<dyn TokenCredential>;

/// What it is called, and how it is made if it is set up.
type Candidate = (&'static str, fn() -> Option<Credential>);

/// The credentials of this process.
///
/// # Errors
///
/// [`Error::AccessDenied`] if there are none.
pub(crate) async fn usual() -> Result<Credential> {
    let candidates: [Candidate; 4] = [
        ("a workload identity", workload),
        ("a client's secret", client_secret),
        ("a managed identity", || {
            Some(ManagedIdentityCredential::new(None).ok()? as Credential)
        }),
        ("a developer's tools", || {
            Some(DeveloperToolsCredential::new(None).ok()? as Credential)
        }),
    ];
    for (name, candidate) in candidates {
        let Some(credential) = candidate() else {
            continue;
        };
        let asked = credential.get_token(&[SCOPE], None);
        match Deadline::after(PATIENCE).bound(asked).await {
            Ok(Ok(_)) => {
                tracing::debug!("logging in to Cosmos DB by {name}");
                return Ok(credential);
            }
            Ok(Err(error)) => tracing::debug!("no token for Cosmos DB by {name}: {error}"),
            Err(late) => tracing::debug!("no token for Cosmos DB by {name}: {late}"),
        }
    }
    let what = "there is no key, and no credentials of Microsoft Entra for Cosmos DB; give the \
                setting key, or log in with `az login`";
    Err(Error::AccessDenied(what.into()))
}

fn workload() -> Option<Credential> {
    var("AZURE_FEDERATED_TOKEN_FILE").ok()?;
    Some(WorkloadIdentityCredential::new(None).ok()? as Credential)
}

fn client_secret() -> Option<Credential> {
    let (tenant, client) = (var("AZURE_TENANT_ID").ok()?, var("AZURE_CLIENT_ID").ok()?);
    let secret = Secret::from(var("AZURE_CLIENT_SECRET").ok()?);
    Some(ClientSecretCredential::new(&tenant, client, secret, None).ok()? as Credential)
}
