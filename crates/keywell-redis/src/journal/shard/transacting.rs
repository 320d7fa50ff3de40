use keywell_store::{Check, Result, Transacted, Version, Write};

use super::{Shard, scripts};
use crate::transact;

// === impl Shard ===

impl Shard {
    /// Performs all writes if all checks hold, as one script.
    pub(crate) async fn transact(&self, checks: &[Check], writes: &[Write]) -> Result<Transacted> {
        let checked = checks.iter().map(|check| check.key.as_str());
        let written = writes.iter().map(|write| write.key.as_str());
        let keys: Vec<&str> = checked.chain(written).collect();
        let arguments = transact::arguments(checks, writes)?;
        let arguments: Vec<&[u8]> = arguments.iter().map(|argument| &argument[..]).collect();
        let answered = self.mutate(&scripts::TRANSACT, &keys, &arguments).await?;
        transact::outcome(&answered.word, answered.rest, writes, |version, _| {
            Version::from(version)
        })
    }
}
