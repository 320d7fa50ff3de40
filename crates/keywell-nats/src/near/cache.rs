use std::sync::Arc;

use tokio::task::AbortHandle;

use super::caching::Caching;
use super::copy::NearCopy;
use super::follower::Follower;
use crate::jetstream::api::Api;
use crate::jetstream::stream::Stream;

/// The copy of a bucket, kept up to date for as long as this is held.
pub(crate) struct NearCache {
    copy: Arc<NearCopy>,
    task: AbortHandle,
}

// === impl NearCache ===

impl NearCache {
    /// Begins to copy a bucket. `None` where it is not to be copied, or where its stream loses
    /// values without a message, which a copy would not notice.
    pub(crate) fn start(
        api: &Api,
        stream: &Stream,
        caching: Caching,
        value_bytes: usize,
    ) -> Option<Self> {
        let has_values = match caching {
            Caching::Off => return None,
            Caching::Keys => false,
            Caching::All => true,
        };
        if stream.loses_silently {
            tracing::info!(
                "{} removes values without a sign of it, so it is read without a near cache",
                stream.names.stream()
            );
            return None;
        }
        let copy = Arc::new(NearCopy::new(api.link().clone(), value_bytes));
        let follower = Follower::new(api.clone(), stream.clone(), copy.clone(), has_values);
        let task = tokio::spawn(follower.run()).abort_handle();
        Some(Self { copy, task })
    }

    pub(crate) fn copy(&self) -> &Arc<NearCopy> {
        &self.copy
    }
}

impl Drop for NearCache {
    fn drop(&mut self) {
        self.task.abort();
        self.copy.abandon();
    }
}
