//! Buckets that NATS servers keep in `JetStream`, one stream a bucket.

mod api;
mod message;
mod names;
mod stream;
