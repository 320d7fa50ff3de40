use std::sync::Arc;

use keywell_config::CommandPlan;
use keywell_runtime::{Command, Environment, Error, Runtime};
use keywell_wasi::Grants;

use crate::component::Component;
use crate::stop::Stop;

/// Makes a command ready to run.
pub(crate) fn start(
    plan: &CommandPlan,
    runtime: &Runtime,
    component: &Component,
    grants: Arc<Grants>,
) -> Result<Command, Error> {
    let mut environment = component.environment.clone();
    environment.arguments.extend(plan.arguments.iter().cloned());
    let environment = Environment {
        stdin: plan.has_stdin,
        ..environment
    };
    runtime.command(&component.loaded, grants, environment)
}

/// Runs a command to its end, and answers its exit code; none where it is stopped before.
pub(crate) async fn run(command: Command, stop: Stop) -> Result<Option<u8>, Error> {
    tokio::select! {
        biased;
        () = stop.asked() => Ok(None),
        ended = command.run() => ended.map(Some),
    }
}
