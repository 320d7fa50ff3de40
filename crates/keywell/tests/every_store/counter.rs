use crate::places::places;
use crate::support::Server;

#[tokio::test(flavor = "multi_thread")]
async fn the_same_counter_counts_on_every_store() {
    for place in places() {
        let started = (place.start)().await;
        let server = Server::start("counter", &["--store", &started.url]);
        for count in 1..=3 {
            let expected = format!("Counter /tea: {count}\n");
            assert_eq!(server.get("/tea").text(), expected, "{}", place.heading);
        }
    }
}
