use crate::process::{Done, cargo, run};
use crate::setup;

/// The fault tests of `test`, with far more rounds, those of the stores on NATS, simulations with more
/// seeds, and reloads under 1,000,000 requests.
pub(crate) fn soak() -> Done {
    setup::target()?;
    setup::guests()?;
    let tests = "test(/^power_loss::/) | test(/^crashes::/) | binary(kill) | binary(history) \
                 | package(keywell-nats) & (binary(jetstream) | binary(near) | binary(replicas)) \
                 | test(no_request_is_dropped_under_load) \
                 | test(/copies_become_equal_and_hold|lists_and_sets_hold/)";
    let mut nextest = cargo();
    nextest.args(["nextest", "run", "--profile", "soak", "--workspace"]);
    nextest
        .args(["--no-capture", "-E", tests])
        .env("KEYWELL_CRASHES", "20000")
        .env("KEYWELL_KILLS", "500")
        .env("KEYWELL_HISTORIES", "1000")
        .env("KEYWELL_SEEDS", "100000")
        .env("KEYWELL_RELOAD_REQUESTS", "1000000");
    run(&mut nextest)
}
