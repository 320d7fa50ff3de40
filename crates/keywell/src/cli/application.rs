//! An application that runs, to the person who runs it.

use std::pin::pin;

use keywell_app::{Error, Event, Handle, TriggerSource, TriggerStatus};

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
        } => {
            let scheme = if *is_encrypted { "https" } else { "http" };
            let path = if path == "/" { "" } else { path };
            let host = host.as_ref();
            let host = host.map_or_else(String::new, |host| format!(" for the host {host}"));
            let addrs = addrs.iter();
            let line = |addr| format!("{name} listens on {scheme}://{addr}{path}{host}");
            addrs.map(line).collect()
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

/// Lets an application run until `stop` is ready, and answers whether that was why it ended.
///
/// The error of a trigger that fails is printed at once, and what was counted of stores once all
/// triggers have ended.
pub(super) async fn attend(
    mut handle: Handle,
    stop: impl Future<Output = ()>,
) -> Result<bool, Error> {
    let mut stop = pin!(stop);
    let (mut is_well, mut is_asked) = (true, false);
    loop {
        tokio::select! {
            event = handle.next() => match event {
                None => break,
                Some(Event::Failed { problem, .. }) => {
                    output::complain(&problem.to_string());
                    is_well = false;
                }
                Some(Event::Exited { code, .. }) => is_well &= code == 0,
            },
            () = &mut stop, if !is_asked => {
                is_asked = true;
                handle.ask_to_stop();
            }
        }
    }
    metrics::report(&handle.metering());
    handle.stop().await?;
    Ok(is_well)
}
