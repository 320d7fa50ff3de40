use super::table::Table;
use super::value::Value;
use crate::LimitsPlan;

/// `[limits]`.
pub(super) fn limits(root: &mut Table<'_>) -> LimitsPlan {
    let Some(mut limits) = root.take("limits").and_then(Value::table).ok() else {
        return LimitsPlan::default();
    };
    LimitsPlan {
        memory: limits.size("memory"),
        timeout: limits.duration("timeout"),
        instances: limits.number("instances"),
        connections: limits.number("connections"),
        write_timeout: limits.duration("write-timeout"),
        total_memory: limits.size("total-memory"),
    }
}
