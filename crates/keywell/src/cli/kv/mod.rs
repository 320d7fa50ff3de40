//! `keywell kv`: looking into a store, and changing it, by hand or from a script.
//!
//! A subcommand a file. What each does is written over a [`Target`] and a [`Sink`], so that a test
//! can give it a store in memory and read what it wrote.

mod backup;
mod buckets;
mod check;
mod compact;
mod copy;
mod delete;
mod exists;
mod export;
mod format;
mod get;
mod import;
mod increment;
mod list;
mod lists;
mod progress;
mod set;
mod sets;
mod sink;
mod stop;
mod target;
mod watch;
mod writes;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use keywell_store::{BucketName, Store};

pub(super) use self::sink::Sink;
pub(super) use self::stop::Stop;
use self::target::Target;
use super::failed::Ended;
use super::store::StoreArguments;

/// Read and write a store.
#[derive(Args)]
#[command(
    // So that `--store` may also stand behind the subcommand, where most people write it.
    mut_arg("store", |store| store.global(true).help("The store, such as disk:PATH")),
    after_help = "Examples:\n  \
        keywell kv set greeting hello\n  \
        keywell kv get greeting --store disk:visits --bucket words\n  \
        keywell kv export --store disk:old | keywell kv import --store disk:new"
)]
pub(super) struct Kv {
    #[command(flatten)]
    store: StoreArguments,

    /// The bucket.
    #[arg(long, global = true, value_name = "NAME", default_value = "default")]
    bucket: BucketName,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Get(get::Get),
    Set(set::Set),
    Delete(delete::Delete),
    Exists(exists::Exists),
    List(list::List),
    Increment(increment::Increment),
    Watch(watch::Watch),
    Import(import::Import),
    Export(export::Export),
    Copy(copy::Copy),
    Buckets(buckets::Buckets),
    Backup(backup::Backup),
    Compact(compact::Compact),
    Check(check::Check),
    Push(lists::Push),
    Range(lists::Range),
    ItemDelete(lists::ItemDelete),
    Clear(lists::Clear),
    SetAdd(sets::SetAdd),
    SetRemove(sets::SetRemove),
    SetQuery(sets::SetQuery),
    SetUnion(sets::SetUnion),
    SetIntersection(sets::SetIntersection),
}

// === impl Kv ===

impl Kv {
    pub(super) async fn main(self) -> Ended {
        if let Command::Copy(copy) = self.command {
            return copy.main(self.store, self.bucket).await;
        }
        if let Command::Check(check) = self.command {
            return check.main(self.store, self.bucket).await;
        }
        self.store.check_lasting()?;
        let store = if self.command.makes_a_store() {
            self.store.reach().await?
        } else {
            self.store.reach_existing().await?
        };
        let ended = self.command.main(&*store, self.bucket).await;
        let closed = store.close().await;
        match ended {
            Ok(code) => {
                closed?;
                Ok(code)
            }
            Err(Stop::Unread) => Ok(ExitCode::SUCCESS),
            Err(Stop::Failed(failed)) => Err(failed),
        }
    }
}

// === impl Command ===

impl Command {
    /// Whether there is sense in it where no store is yet: it writes, or waits for what comes.
    fn makes_a_store(&self) -> bool {
        matches!(
            self,
            Self::Set(_)
                | Self::Increment(_)
                | Self::Import(_)
                | Self::Watch(_)
                | Self::Push(_)
                | Self::SetAdd(_)
        )
    }

    async fn main(self, store: &dyn Store, name: BucketName) -> Result<ExitCode, Stop> {
        let mut out = Sink::stdout();
        let code = self.run(store, name, &mut out).await?;
        out.flush()?;
        Ok(code)
    }

    async fn run(
        self,
        store: &dyn Store,
        name: BucketName,
        out: &mut Sink<'_>,
    ) -> Result<ExitCode, Stop> {
        match self {
            Self::Buckets(buckets) => return buckets.run(store, out).await,
            Self::Backup(backup) => return backup.run(store).await,
            Self::Compact(compact) => return compact.run(store).await,
            _ => {}
        }
        let target = Target::open(store, name).await?;
        match self {
            Self::Get(get) => get.run(&target, out).await,
            Self::Set(set) => set.run(&target).await,
            Self::Delete(delete) => delete.run(&target).await,
            Self::Exists(exists) => exists.run(&target, out).await,
            Self::List(list) => list.run(&target, out).await,
            Self::Increment(increment) => increment.run(&target, out).await,
            Self::Watch(watch) => watch.main(&target, out).await,
            Self::Import(import) => import.main(&target).await,
            Self::Export(export) => export.main(&target, out).await,
            Self::Push(push) => push.run(&target, out).await,
            Self::Range(range) => range.run(&target, out).await,
            Self::ItemDelete(delete) => delete.run(&target, out).await,
            Self::Clear(clear) => clear.run(&target, out).await,
            Self::SetAdd(add) => add.run(&target, out).await,
            Self::SetRemove(remove) => remove.run(&target, out).await,
            Self::SetQuery(query) => query.run(&target, out).await,
            Self::SetUnion(union) => union.run(&target, out).await,
            Self::SetIntersection(intersection) => intersection.run(&target, out).await,
            Self::Buckets(_)
            | Self::Backup(_)
            | Self::Compact(_)
            | Self::Check(_)
            | Self::Copy(_) => unreachable!("it is done"),
        }
    }
}
