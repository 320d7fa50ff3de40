use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use keywell_runtime::{Environment, HttpOptions, HttpServer};
use keywell_wasi::Grants;

use super::component::ComponentArguments;
use super::store::StoreArguments;
use super::{Ended, output, signal};

/// Serve HTTP with a component: HTTP/1.1, and HTTP/2 by prior knowledge.
///
/// Every bucket name that the component opens is a bucket in the one store. SIGINT or SIGTERM lets
/// running requests finish.
#[derive(Args)]
#[command(
    after_help = "Example:\n  keywell serve counter.wasm --store disk:visits\n  \
                        curl http://127.0.0.1:8080/hello"
)]
pub(super) struct Serve {
    #[command(flatten)]
    component: ComponentArguments,

    #[command(flatten)]
    store: StoreArguments,

    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    addr: SocketAddr,

    /// Let an instance answer up to N requests, one after the other. What the component keeps in
    /// its memory is then seen by later requests.
    #[arg(long, value_name = "N", default_value_t = 1)]
    reuse: u32,
}

// === impl Serve ===

impl Serve {
    pub(super) async fn main(self) -> Ended {
        // Before all else, so that no signal is missed that comes once the address is told.
        let stop = signal::stop()?;
        let (runtime, component) = self.component.load()?;
        let store = self.store.open().await?;
        let grants = Arc::new(Grants::everything_in(store.clone()));
        let environment = Environment {
            variables: self.component.variables.clone(),
            arguments: vec![self.component.name()],
            stdin: false,
        };
        let options = HttpOptions {
            reuse: self.reuse,
            environment,
        };
        let app = runtime.http(&component, grants, &options)?;
        let server = HttpServer::bind(self.addr, app).await?;
        let (name, store_url) = (self.component.name(), &self.store.store);
        output::say(&format!(
            "{name} listens on http://{} with {store_url}",
            server.addr()
        ));
        server.serve(stop).await;
        store.close().await?;
        Ok(ExitCode::SUCCESS)
    }
}
