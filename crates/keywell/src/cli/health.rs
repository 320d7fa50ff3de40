use clap::Args;
use keywell_app::Status;
use keywell_config::{ListenAddress, Plan};

/// Where health is answered.
#[derive(Args, Clone)]
pub(super) struct HealthArguments {
    /// Where to answer GET /healthz, while the process runs, and /readyz, while every trigger runs and
    /// every store answers; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    health: Option<ListenAddress>,
}

// === impl HealthArguments ===

impl HealthArguments {
    /// Has it in a plan, in place of what the plan says.
    pub(super) fn set(&self, plan: &mut Plan) {
        if let Some(health) = &self.health {
            plan.health = Some(health.clone().into());
        }
    }
}

/// What is printed of it: a line for each address.
pub(super) fn lines(status: &Status) -> impl Iterator<Item = String> {
    let health = status.health.iter();
    health.map(|addr| format!("health is answered on http://{addr}"))
}
