use std::process::Command;

use crate::process::{Done, root};
use crate::server::Server;
use crate::{build, setup};

/// What the demonstration does after its requests.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    ServeOn,
    End,
}

const ADDRESS: &str = "127.0.0.1:8080";
const DATA: &str = "target/demo-data";
/// What is served on, and what can be tried with the program.
const STORES: [&str; 2] = ["disk", "memory"];
const PATHS: [&str; 3] = ["/tea", "/tea", "/coffee"];

/// Serves the counter on disk and shows three requests.
pub(crate) fn demo(then: Then) -> Done {
    build::build_with_stores("counter", &STORES)?;

    let counter = setup::guest("counter");
    let shown = counter.strip_prefix(root()).unwrap_or(&counter).display();
    // With --once it is a trial run, perhaps beside another server.
    let address = if then == Then::End {
        "127.0.0.1:0"
    } else {
        ADDRESS
    };
    let store = format!("disk:{DATA}");
    let mut keywell = Command::new(build::program());
    keywell.current_dir(root()).arg("serve").arg(&counter);
    keywell.args(["--store", &store, "--addr", address]);
    println!("\n$ keywell serve {shown} --store {store}");
    let mut server = Server::start(&mut keywell)?;

    for path in PATHS {
        println!("\n$ curl http://{}{path}", server.address);
        print!("{}", server.get(path)?);
    }
    println!(
        "\nThe counts are in {DATA}. Stop this, even by `kill -9`, and start it again: they continue."
    );
    if then == Then::End {
        return server.stop();
    }
    println!("Try more:  curl http://{}/anything", server.address);
    println!("List the keys, once this has stopped:  target/demo/keywell kv list --store {store}");
    println!("Serving until Ctrl-C.");
    // The terminal sends Ctrl-C to both, and the server ends by itself.
    server.wait()
}
