use keywell_journal::Decision;
use keywell_runtime::worker::InterruptedRequests;

use super::world::World;

/// A worker whose process ended while the server held the response to this request back.
async fn interrupted(method: &str, policy: InterruptedRequests) -> World {
    let mut world = World::new().await;
    world.interrupted = policy;
    let url = world.server.url("/held");
    let call = format!("request(\"{method}\", \"{url}\", none)");
    world.interrupt(&call, 1).await;
    world.server.release("/held");
    world
}

/// The keys of the requests, which are one.
fn sent(world: &World) -> usize {
    let keys = world.server.keys("/held");
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    keys.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotent_request_is_sent_again_with_the_same_key() {
    for method in ["GET", "PUT"] {
        let world = interrupted(method, InterruptedRequests::Stop).await;
        let answers = world.go_on().await;
        assert_eq!(answers, format!("[\"200 {method} /held 0\"]"));
        assert_eq!(world.call("answers()").await, answers);
        assert_eq!(sent(&world), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_request_stops_the_worker_until_it_is_decided() {
    for (decision, answer, times) in [
        (Decision::Retry, "200 POST /held 0", 2),
        (Decision::NotApplied, "ConnectionTerminated", 1),
        (Decision::Applied, "its response is lost", 1),
    ] {
        let world = interrupted("POST", InterruptedRequests::Stop).await;
        for _ in 0..2 {
            let error = world.stopped().await;
            assert!(error.contains("worker resolve w"), "{error}");
        }
        assert_eq!(sent(&world), 1);
        world.resolve(decision).await;
        let answers = world.go_on().await;
        assert!(answers.contains(answer), "{answers}");
        assert_eq!(world.call("answers()").await, answers);
        assert_eq!(sent(&world), times);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_decides_without_an_operator() {
    for (policy, answer, times) in [
        (InterruptedRequests::Retry, "200 POST /held 0", 2),
        (InterruptedRequests::Fail, "ConnectionTerminated", 1),
    ] {
        let world = interrupted("POST", policy).await;
        let answers = world.go_on().await;
        assert!(answers.contains(answer), "{answers}");
        assert_eq!(world.call("answers()").await, answers);
        assert_eq!(sent(&world), times);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_several_is_decided() {
    let world = World::new().await;
    let urls = ["/held/1", "/held/2"].map(|path| world.server.url(path));
    let call = format!("race(\"POST\", \"{}\", \"{}\", none)", urls[0], urls[1]);
    world.interrupt(&call, 2).await;
    let error = world.stopped().await;
    assert!(error.contains("/held/1"), "{error}");
    world.resolve(Decision::NotApplied).await;
    let error = world.stopped().await;
    assert!(error.contains("/held/2"), "{error}");
    world.resolve(Decision::Retry).await;
    world.server.release("/held/2");
    let answers = world.go_on().await;
    assert!(
        answers.contains("ConnectionTerminated, 200 POST /held/2 0"),
        "{answers}"
    );
    assert_eq!(world.call("answers()").await, answers);
    assert_eq!(world.server.keys("/held/1").len(), 1);
    assert_eq!(world.server.keys("/held/2").len(), 2);
}
