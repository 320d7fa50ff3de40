use std::ffi::OsStr;
use std::sync::Arc;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Args, Command};
use keywell::StoreUrl;
use keywell_store::Store;

use super::Failed;

/// Which store.
#[derive(Args)]
pub(super) struct StoreArguments {
    /// The store: memory:, disk:PATH, redis://HOST:PORT; settings stand behind a question mark, as
    /// in ?layout=journal.
    #[arg(
        long,
        value_name = "URL",
        env = "KEYWELL_STORE",
        value_parser = Parser,
        default_value = "disk:.keywell"
    )]
    pub(super) store: StoreUrl,
}

/// Reads a URL. What is wrong with it is told without showing it, as it may have a password.
#[derive(Clone)]
struct Parser;

// === impl Parser ===

impl TypedValueParser for Parser {
    type Value = StoreUrl;

    fn parse_ref(
        &self,
        command: &Command,
        _: Option<&Arg>,
        value: &OsStr,
    ) -> Result<StoreUrl, clap::Error> {
        let read = match value.to_str() {
            Some(text) => text.parse::<StoreUrl>().map_err(|error| error.to_string()),
            None => Err("it is no UTF-8".to_owned()),
        };
        read.map_err(|problem| {
            let problem = format!("invalid value for '--store <URL>': {problem}\n");
            clap::Error::raw(ErrorKind::ValueValidation, problem).with_cmd(command)
        })
    }
}

// === impl StoreArguments ===

impl StoreArguments {
    pub(super) async fn open(&self) -> Result<Arc<dyn Store>, Failed> {
        keywell::open(&self.store).await.map_err(told)
    }

    /// As [`open`](Self::open), but makes no store: whoever only reads has mistaken its place.
    pub(super) async fn open_existing(&self) -> Result<Arc<dyn Store>, Failed> {
        keywell::open_existing(&self.store).await.map_err(told)
    }
}

fn told(error: keywell::OpenError) -> Failed {
    match error {
        keywell::OpenError::Store { .. } => Failed::Failure(error.to_string()),
        error => Failed::Usage(error.to_string()),
    }
}
