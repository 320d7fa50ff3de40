use tokio::net::TcpListener;

use super::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_sends_nothing_and_answers_the_same() {
    let world = World::new().await;
    let url = world.server.url("/text?secret");
    let call = format!("request(\"GET\", \"{url}\", none)");
    let answer = world.call(&call).await;
    assert_eq!(answer, "\"200 GET /text 0\"");
    assert_eq!(world.call(&call).await, answer);
    assert_eq!(
        world.call("answers()").await,
        format!("[{answer}, {answer}]")
    );
    let keys = world.server.keys("/text");
    assert_eq!(keys.len(), 2, "{keys:?}");
    assert_ne!(keys[0], keys[1]);
    let url = world.server.url("/text");
    let intended = format!("intended request GET {url}");
    assert_eq!(
        world.records().await,
        [&*intended, "settled", &intended, "settled"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_the_component_is_kept() {
    let world = World::new().await;
    let url = world.server.url("/text");
    let call = format!("request(\"POST\", \"{url}\", some(\"own\"))");
    world.call(&call).await;
    assert_eq!(world.server.keys("/text"), ["own"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn responses_replay_in_the_order_in_which_they_came() {
    for [first, second] in [["/held/1", "/held/2"], ["/held/2", "/held/1"]] {
        let world = World::new().await;
        let urls = ["/held/1", "/held/2"].map(|path| world.server.url(path));
        let process = world.process().await;
        let then = world.server.url("/then");
        let call = format!(
            "race(\"GET\", \"{}\", \"{}\", some(\"{then}\"))",
            urls[0], urls[1]
        );
        let held = async {
            world.server.wait(2).await;
            world.server.release(first);
            world.server.wait(3).await;
            world.server.release(second);
        };
        let (answer, ()) = tokio::join!(process.call(&call), held);
        assert_eq!(answer, format!("\"200 GET {first} 0, 200 GET {second} 0\""));
        drop(process);
        assert_eq!(world.call("answers()").await, format!("[{answer}]"));
        assert_eq!(world.server.count(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_16_mib_is_sent_and_a_longer_one_is_refused() {
    let world = World::new().await;
    let url = world.server.url("/text");
    let mut expected = Vec::new();
    for (bytes, answer) in [
        (16 << 20, "\"200 POST /text 16777216\"".to_owned()),
        (
            (16 << 20) + 1,
            "HttpRequestBodySize(Some(16777217))".to_owned(),
        ),
    ] {
        let got = world.call(&format!("upload(\"{url}\", {bytes})")).await;
        assert!(got.contains(&answer), "{got}");
        expected.push(got);
    }
    assert_eq!(world.server.count(), 1);
    assert_eq!(
        world.call("answers()").await,
        format!("[{}]", expected.join(", "))
    );
    assert_eq!(world.server.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_of_16_mib_is_recorded_and_a_longer_one_is_an_error() {
    let world = World::new().await;
    let mut expected = Vec::new();
    for (bytes, answer) in [
        (16 << 20, "\"200 16777216 bytes\""),
        ((16 << 20) + 1, "HttpResponseBodySize(Some(16777217))"),
    ] {
        let url = world.server.url(&format!("/bytes/{bytes}"));
        let got = world
            .call(&format!("request(\"GET\", \"{url}\", none)"))
            .await;
        assert!(got.contains(answer), "{got}");
        expected.push(got);
    }
    assert_eq!(
        world.call("answers()").await,
        format!("[{}]", expected.join(", "))
    );
    assert_eq!(world.server.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_connection_replays_as_the_same_error() {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let call = format!("request(\"POST\", \"http://{addr}/\", none)");
    let answer = world.call(&call).await;
    assert!(answer.contains("ConnectionRefused"), "{answer}");
    assert_eq!(world.call("answers()").await, format!("[{answer}]"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_not_allowed_is_not_asked_and_its_refusal_stays() {
    let mut world = World::new().await;
    world.allowed.clear();
    let url = world.server.url("/text");
    let call = format!("request(\"GET\", \"{url}\", none)");
    let denied = world.call(&call).await;
    assert!(denied.contains("HttpRequestDenied"), "{denied}");
    let records = world.records().await;
    assert_eq!(records, [format!("answered request GET {url}")]);
    world.allowed.push("*".to_owned());
    let answer = world.call(&call).await;
    assert_eq!(answer, "\"200 GET /text 0\"");
    // What was answered stays, too.
    world.allowed.clear();
    assert_eq!(
        world.call("answers()").await,
        format!("[{denied}, {answer}]")
    );
    assert_eq!(world.server.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_by_the_response_or_by_its_time_and_replays_so() {
    let world = World::new().await;
    let held = world.server.url("/held");
    let late = world.call(&format!("request-within(\"{held}\", 20)")).await;
    assert_eq!(late, "\"late\"");
    let url = world.server.url("/text");
    let answer = world
        .call(&format!("request-within(\"{url}\", 60000)"))
        .await;
    assert_eq!(answer, "\"200 GET /text 0\"");
    assert_eq!(world.call("answers()").await, format!("[{late}, {answer}]"));
    // The wait for the first may end before it reaches the server.
    assert!((1..=2).contains(&world.server.count()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_left_open_ends_with_its_invocation() {
    let world = World::new().await;
    let held = world.server.url("/held");
    let process = world.process().await;
    process.call(&format!("leave-open(\"{held}\", 20)")).await;
    world.server.release("/held");
    let answer = process.call("take-up()").await;
    assert!(answer.contains("ConnectionTerminated"), "{answer}");
    drop(process);
    assert_eq!(world.call("answers()").await, format!("[{answer}]"));
    // It may end before it reaches the server.
    assert!(world.server.count() <= 1);
}
