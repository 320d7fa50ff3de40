//! An application that runs, to the person who runs it.

use std::pin::pin;

use keywell_app::{Error, Event, Handle, TriggerSource, TriggerStatus};

use super::reloading::{self, Renewal, Renewals};
use super::route::Route;
use super::{metrics, output};

/// What is printed of a trigger that runs: a line for each address. `store` is how a store of the
/// plan is shown.
pub(super) fn lines(trigger: &TriggerStatus, store: impl Fn(&str) -> String) -> Vec<String> {
    let name = &trigger.component;
    match &trigger.source {
        TriggerSource::Http {
            addrs,
            path,
            host,
            is_encrypted,
        }
        | TriggerSource::Invoke {
            addrs,
            path,
            host,
            is_encrypted,
        } => {
            let route = Route {
                path,
                host: host.as_deref(),
                is_encrypted: *is_encrypted,
            };
            let answers = match trigger.source {
                TriggerSource::Invoke { .. } => "answers calls",
                _ => "listens",
            };
            let addrs = addrs.iter();
            addrs
                .map(|addr| format!("{name} {answers} on {}", route.at(addr)))
                .collect()
        }
        TriggerSource::Watch {
            subscriptions,
            bucket,
            store: watched,
            ..
        } => vec![format!(
            "{name} watches {subscriptions} in bucket {bucket} of {}",
            store(watched)
        )],
        TriggerSource::Command => Vec::new(),
    }
}

/// Lets an application run until `stop` is ready, and answers whether that was why it ended. It
/// goes over to other plans as they come.
///
/// The error of a trigger that fails is printed at once, and what was counted of stores once all
/// triggers have ended.
pub(super) async fn attend(
    mut handle: Handle,
    stop: impl Future<Output = ()>,
    mut renewals: Renewals,
    store: impl Fn(&str) -> String,
) -> Result<bool, Error> {
    let mut stop = pin!(stop);
    let (mut is_well, mut is_asked, mut is_idle) = (true, false, false);
    loop {
        tokio::select! {
            event = handle.next(), if !is_idle => match event {
                None if is_well && !is_asked && renewals.outlive => is_idle = true,
                None => break,
                Some(Event::Failed { problem, .. }) => {
                    output::complain(&problem.to_string());
                    is_well = false;
                }
                Some(Event::Exited { component, code }) if code != 0 && renewals.outlive => {
                    output::complain(&format!("{component} ended with the exit code {code}"));
                }
                Some(Event::Exited { code, .. }) => is_well &= code == 0,
            },
            () = &mut stop, if !is_asked => {
                is_asked = true;
                renewals.end();
                handle.ask_to_stop();
                if is_idle {
                    break;
                }
            }
            renewal = renewals.next(), if !is_asked => {
                go_over(&mut handle, renewal, &renewals.source, &store).await;
                is_idle = false;
            }
        }
    }
    metrics::report(&handle.metering());
    handle.stop().await?;
    Ok(is_well)
}

/// Goes over to another plan, or says why not; then the old one runs on.
async fn go_over(
    handle: &mut Handle,
    renewal: Renewal,
    source: &str,
    store: impl Fn(&str) -> String,
) {
    let Renewal { examined, since } = renewal;
    output::report(examined.report());
    let refused = match examined.application() {
        Ok(application) => {
            let before = all_lines(handle, &store);
            match handle.go_over_to(application).await {
                Ok(reloaded) => {
                    output::say(&reloading::line(source, &reloaded, since.elapsed()));
                    let new = all_lines(handle, &store).into_iter();
                    let new = new.filter(|line| !before.contains(line));
                    new.for_each(|line| output::say(&line));
                    return;
                }
                Err(error) => error.to_string(),
            }
        }
        Err(report) => format!("{source} has {}", report.count()),
    };
    output::complain(&format!("{refused}; the application runs on as it was"));
}

fn all_lines(handle: &Handle, store: impl Fn(&str) -> String) -> Vec<String> {
    let triggers = handle.status().triggers;
    let lines = triggers.iter().flat_map(|trigger| lines(trigger, &store));
    lines.collect()
}
