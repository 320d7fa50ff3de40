//! `keywell kv copy`: the keys of a bucket, from one store to another.
//!
//! The target is read before it is written, and keys that are equal are skipped. So a copy that was
//! interrupted continues where it is started again, and needs no record of how far it came. At the
//! end both stores are read again and compared.

mod copying;
mod deadline;
mod differences;
mod pages;

use std::pin::pin;
use std::process::ExitCode;

use clap::Args;
use keywell_store::{BucketName, Store};

use self::copying::{Copied, Copying};
use super::progress::{Progress, counted, summarize};
use super::{Stop, Target};
use crate::cli::failed::{Ended, Failed};
use crate::cli::signal;
use crate::cli::store::{GivenUrl, StoreArguments, schemes, url};
use crate::cli::usage::Unshown;

/// Copy the keys of a bucket from one store to another.
///
/// Values, counters and times to live are copied; versions and the history are not. Keys that the
/// target has already are overwritten where they differ, and its other keys are left alone. Run
/// again, it continues a copy that was interrupted: keys that are equal are skipped.
///
/// At the end it compares both stores. If they differ, because the source was changed meanwhile, it
/// says how many keys and ends with exit code 1.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    keywell kv copy --from disk:old --to 'redis://127.0.0.1?layout=journal'\n  \
    keywell kv copy --from redis://127.0.0.1 --to disk:new --bucket orders --prefix 2026/")]
pub(super) struct Copy {
    /// The store to read, instead of that of --store.
    #[arg(
        long,
        value_name = "URL",
        value_parser = Unshown::new(url).suggesting(schemes),
        hide_possible_values = true
    )]
    from: Option<GivenUrl>,

    /// The store to write.
    #[arg(
        long,
        value_name = "URL",
        env = "KEYWELL_TO",
        // It may have a password.
        hide_env_values = true,
        value_parser = Unshown::new(url).suggesting(schemes),
        hide_possible_values = true
    )]
    to: GivenUrl,

    /// Only keys that begin with this.
    #[arg(
        long,
        value_name = "PREFIX",
        default_value = "",
        hide_default_value = true
    )]
    prefix: String,
}

// === impl Copy ===

impl Copy {
    pub(super) async fn main(self, store: StoreArguments, bucket: BucketName) -> Ended {
        let store = self.from.unwrap_or(store.store);
        let from = StoreArguments { store };
        let to = StoreArguments { store: self.to };
        from.check_lasting()?;
        to.check_lasting()?;
        if from.is_same(&to) {
            let url = &from.store;
            let problem = format!("--from and --to name the same store, {url}");
            return Err(Failed::Usage(problem));
        }
        let stop = signal::stop()?;
        let source = from.reach_existing().await?;
        let ended = match to.reach().await {
            Ok(target) => {
                let ended = run(&*source, &*target, bucket, &self.prefix, stop).await;
                let closed = target.close().await;
                ended.and_then(|code| closed.map(|()| code).map_err(Stop::from))
            }
            Err(failed) => Err(failed.into()),
        };
        let closed = source.close().await;
        match ended {
            Ok(code) => closed.map(|()| code).map_err(Failed::from),
            Err(Stop::Failed(failed)) => Err(failed),
            Err(Stop::Unread) => Ok(ExitCode::SUCCESS),
        }
    }
}

async fn run(
    source: &dyn Store,
    target: &dyn Store,
    bucket: BucketName,
    prefix: &str,
    stop: impl Future<Output = ()>,
) -> Result<ExitCode, Stop> {
    let copying = Copying {
        from: Target::open(source, bucket.clone()).await?,
        to: Target::open(target, bucket).await?,
        prefix,
    };
    copy(&copying, stop).await?;
    Ok(ExitCode::SUCCESS)
}

/// Copies, and compares afterwards.
async fn copy(copying: &Copying<'_>, stop: impl Future<Output = ()>) -> Result<(), Stop> {
    let mut stop = pin!(stop);
    let mut copied = Copied::default();
    let progress = Progress::new("copied");
    let work = copying.copy(&progress, &mut copied);
    let ended = signal::unless(stop.as_mut(), work).await;
    drop(progress);
    let (written, skipped) = (counted(copied.written), counted(copied.skipped));
    let ended = ended.map_err(|stop| match stop {
        Stop::Failed(failed) => Stop::failure(format!(
            "{failed}; {written} copied before, and {skipped} equal; run again, it continues there"
        )),
        Stop::Unread => stop,
    })?;
    if ended.is_none() {
        return Err(Stop::failure(format!(
            "interrupted; {written} copied; run again, it continues there"
        )));
    }
    summarize("copied", copied.written);
    if copied.skipped > 0 {
        summarize("skipped as equal:", copied.skipped);
    }
    let progress = Progress::new("compared");
    let work = copying.compare(&progress, &copied);
    let differences = signal::unless(stop, work).await?;
    drop(progress);
    let Some(differences) = differences else {
        return Err(Stop::failure(format!(
            "interrupted; {written} copied, and not compared"
        )));
    };
    if let Some(problem) = differences.problem() {
        return Err(Stop::failure(problem));
    }
    summarize("compared, and equal:", differences.compared);
    Ok(())
}

#[cfg(test)]
mod tests;
