use std::sync::Arc;

use keywell_config::{ComponentPlan, LimitsPlan, TriggerPlan};
use keywell_runtime::LoadedComponent;
use keywell_store::Store;

use crate::kind::TriggerKind;

/// What a trigger is made of, its component and those that it calls included. Two that are made of
/// the same do the same.
pub(crate) struct Spec {
    pub(crate) trigger: TriggerPlan,
    pub(crate) components: Vec<(ComponentPlan, LoadedComponent)>,
    pub(crate) limits: LimitsPlan,
    pub(crate) stores: Vec<Arc<dyn Store>>,
}

// === impl Spec ===

impl Spec {
    /// Whether nothing is different but the places in the text.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        let same_stores = || {
            let mut pairs = self.stores.iter().zip(&other.stores);
            self.stores.len() == other.stores.len() && pairs.all(|(a, b)| Arc::ptr_eq(a, b))
        };
        let same_components = || {
            let mut pairs = self.components.iter().zip(&other.components);
            self.components.len() == other.components.len()
                && pairs.all(|(a, b)| a.0 == b.0 && a.1.is_same_as(&b.1))
        };
        self.trigger == other.trigger
            && self.limits == other.limits
            && same_components()
            && same_stores()
    }

    /// Whether it can start only once the one that it replaces has ended.
    pub(crate) fn is_exclusive(&self) -> bool {
        match TriggerKind::from(&self.trigger) {
            // Its name is in use until then, and so are its positions.
            TriggerKind::Watch => true,
            // A worker has one holder.
            TriggerKind::Invoke => !self.trigger.stores().is_empty(),
            TriggerKind::Http | TriggerKind::Command => false,
        }
    }
}
