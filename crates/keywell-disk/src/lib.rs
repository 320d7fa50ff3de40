//! A durable key-value store in one file, with group commit.
