use super::key::{Key, Kind, Section};

/// `[limits]`.
pub static LIMITS: Section = Section {
    heading: "[limits]",
    keys: &[
        Key::new(
            "memory",
            Kind::Size,
            "`256MiB`",
            "the most memory of an instance: all its linear memories and tables together; what \
             Keywell holds for it (values, header fields, bodies, `cas` handles) may have as many \
             bytes again, and 4 MiB at least",
        ),
        Key::new(
            "total-memory",
            Kind::Size,
            "three quarters of the machine's, or of the cgroup's",
            "the most memory of all instances together, with what Keywell holds for them; past it \
             new requests wait, then get 503, and what would grow fails",
        ),
        Key::new(
            "timeout",
            Kind::Duration,
            "`30s`",
            "how long a request or a delivery may take",
        ),
        Key::new(
            "instances",
            Kind::Number(1..=10_000),
            "256",
            "how many instances there may be at once, of all components and triggers together; up \
             to sixteen times as many requests wait, and others are answered with 503. Deliveries \
             wait too, and have at most half of the instances where anything answers HTTP. A \
             component leaves one instance free for each other component that has none (at most \
             half of them), has more than half only while no other component waits, and has at \
             most half of the waiting requests",
        ),
        Key::new(
            "connections",
            Kind::Number(1..=1_000_000),
            "10000",
            "how many connections clients may have open, of all HTTP triggers together. The limit \
             of open files (`ulimit -Hn`) counts where it is lower: it less 128 and one for each \
             instance, which is a reserve of at most half of it. Past the limit, the connection \
             that was idle for longest is closed, or the new one if none is idle",
        ),
        Key::new(
            "write-timeout",
            Kind::Duration,
            "`30s`",
            "how long a response may wait for a client that does not read it; then the stream is \
             reset, and the guest ends",
        ),
    ],
    others: None,
    help: "What bounds all components together.",
};
