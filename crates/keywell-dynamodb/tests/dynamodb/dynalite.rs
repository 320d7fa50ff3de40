//! It passes the conformance suite on another emulator, too, but for what that one does not have:
//! transactions, and streams, without which no watch is declared.

use keywell_conformance::{Outcome, Subject};
use keywell_servers::Dynalite;
use keywell_store::Watching;

use crate::place::{open, options, store};

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_its_promises_without_a_stream() {
    let server = Dynalite::start().await.unwrap();
    let store = store(&options(server.url())).await;
    let declared = open(&store, "b").await.capabilities();
    assert_eq!(declared.watch, Watching::None);
    let subject = Subject::new(store).keeping(server);
    let mut kept = 0;
    for behaviour in keywell_conformance::behaviours() {
        // Those that take long are run on the other emulator.
        let is_long = behaviour.group == "concurrency" || behaviour.name.contains("very_many");
        if behaviour.group == "transact" || is_long {
            continue;
        }
        match behaviour.run(&subject).await {
            Ok(Outcome::Kept) => kept += 1,
            Ok(_) => {}
            // Behaviours of other groups may use transactions among other operations.
            Err(failure) if failure.to_string().contains("UnknownOperation") => {}
            Err(failure) => panic!("{behaviour:?}: {failure}"),
        }
    }
    assert!(kept > 50, "{kept}");
}
