//! A concurrent, ordered key-value store in memory.
