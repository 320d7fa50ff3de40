mod held;
mod host;
mod own;
mod read;

pub(crate) use held::*;
pub(crate) use host::*;
pub(crate) use own::*;
pub(crate) use read::*;

use keywell_store::Invalid;

use crate::failure::{Verdict, same};
use crate::scratch::{Handle, value};

fn is_key(blamed: &Invalid) -> bool {
    matches!(blamed, Invalid::KeyTooLong { .. })
}

fn is_value(blamed: &Invalid) -> bool {
    matches!(blamed, Invalid::ValueTooLarge { .. })
}

/// Checks that `there` is unchanged and no other key exists.
async fn nothing_written(bucket: &Handle) -> Verdict {
    let promise = "a refused call writes nothing";
    same(value(bucket, "there").await?, Some("old".into()), promise)?;
    for key in ["none", "beside"] {
        same(bucket.exists(key).await?, false, promise)?;
    }
    Ok(())
}
