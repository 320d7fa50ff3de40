use crate::process::{Done, cargo, run};
use crate::setup;

// Known here, too, as what would print it takes long to build.
const USAGE: &str = include_str!("../bench/usage.txt");

/// The groups that run no component and no program of ours.
const STORES: [&str; 10] = [
    "disk",
    "workers",
    "sqlite",
    "nats",
    "etcd",
    "memcached",
    "postgres",
    "dynamodb",
    "cosmos",
    "firestore",
];
/// The others.
const COMPONENTS: [&str; 7] = ["host", "values", "http", "invoke", "start", "idle", "redis"];

/// Measures; the figures are made by the crate in `xtask/bench`.
pub(crate) fn bench(arguments: &[&str]) -> Done {
    if let ["--help" | "-h"] = arguments {
        print!("{USAGE}");
        return Ok(());
    }
    let names = |groups: &[&str]| arguments.iter().any(|argument| groups.contains(argument));
    let only_stores = names(&STORES) && !names(&COMPONENTS);
    if names(&["nats"]) || !names(&STORES) && !names(&COMPONENTS) {
        setup::nats()?;
    }
    // The client of Cosmos DB is large.
    let has_cosmos = names(&["cosmos"]) || !names(&STORES) && !names(&COMPONENTS);
    let run_bench = || {
        let mut bench = cargo();
        bench.args(["run", "--locked", "--release", "-p", "keywell-bench"]);
        if has_cosmos {
            bench.args(["--features", "cosmos"]);
        }
        bench
    };
    if only_stores {
        let bench = &mut run_bench();
        return run(bench.args(["--no-default-features", "--"]).args(arguments));
    }
    setup::target()?;
    setup::guests()?;
    let build = ["build", "--locked", "--release", "-p"];
    run(cargo().args(build).arg("keywell"))?;
    // Features are shared by all that is built together, so the peer, which has all of Wasmtime's, is built alone.
    let peer = [
        "--features",
        "wasmtime-defaults",
        "--bin",
        "keywell-bench-peer",
    ];
    run(cargo().args(build).arg("keywell-bench").args(peer))?;
    run(run_bench().arg("--").args(arguments))
}
