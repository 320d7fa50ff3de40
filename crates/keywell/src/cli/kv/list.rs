use std::process::ExitCode;

use clap::Args;
use keywell_store::{MAX_PAGE_KEYS, Page};

use super::format::Format;
use super::{Sink, Stop, Target};
use crate::cli::number::whole;

/// List the keys of a bucket, one a line.
///
/// A key that is there throughout is listed once, whatever is written meanwhile.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    keywell kv list --prefix session/\n  \
    keywell kv list --null | xargs -0 -n 1 echo key:")]
pub(super) struct List {
    /// Only keys that begin with this.
    #[arg(
        long,
        value_name = "PREFIX",
        default_value = "",
        hide_default_value = true
    )]
    prefix: String,

    /// At most so many keys.
    #[arg(long, value_name = "N", value_parser = whole::<usize>(1..=i128::from(u32::MAX)))]
    limit: Option<usize>,

    #[command(flatten)]
    format: Format,
}

// === impl List ===

impl List {
    pub(super) async fn run(self, target: &Target, out: &mut Sink<'_>) -> Result<ExitCode, Stop> {
        let mut left = self.limit.unwrap_or(usize::MAX);
        let mut request = keywell_store::List {
            prefix: self.prefix.clone(),
            ..keywell_store::List::default()
        };
        while left > 0 {
            request.limit = left.min(MAX_PAGE_KEYS);
            let Page { keys, cursor, .. } = target.bucket.list(request.clone()).await?;
            for key in keys.iter().take(left) {
                self.format.print(key, out)?;
            }
            left -= keys.len().min(left);
            if cursor.is_none() {
                break;
            }
            request.cursor = cursor;
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn listed(target: &Target, prefix: &str, limit: Option<usize>) -> Vec<String> {
        let list = List {
            prefix: prefix.to_owned(),
            limit,
            format: Format::default(),
        };
        let mut text = Vec::new();
        list.run(target, &mut Sink::new(&mut text, "text"))
            .await
            .unwrap();
        let text = String::from_utf8(text).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn a_listing_goes_on_past_a_page_and_ends_at_its_limit() {
        let target = Target::in_memory().await;
        let keys: Vec<String> = (0..2500).map(|n| format!("k{n:04}")).collect();
        for key in &keys {
            target.set(key, b"").await;
        }
        assert_eq!(listed(&target, "", None).await, keys);
        assert_eq!(listed(&target, "k1", None).await, keys[1000..2000]);
        assert_eq!(listed(&target, "", Some(1001)).await, keys[..1001]);
        assert_eq!(listed(&target, "", Some(1)).await, keys[..1]);
        assert!(listed(&target, "", Some(0)).await.is_empty());
    }
}
