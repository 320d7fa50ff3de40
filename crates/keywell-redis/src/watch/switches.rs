use std::sync::Weak;

use super::hub::Hub;
use crate::link::Link;

/// Has all who listen elsewhere listen at the primary that sentinels name. Returns where there are no
/// sentinels.
pub(super) async fn follow(link: &Link, hub: &Weak<Hub>) {
    let Some(switches) = link.switches() else {
        return;
    };
    let mut named = switches.named();
    while named.changed().await.is_ok() {
        let primary = named.borrow_and_update().clone();
        let Some(hub) = hub.upgrade() else { return };
        if let Some(primary) = primary {
            hub.reconnect(&primary);
        }
    }
}
