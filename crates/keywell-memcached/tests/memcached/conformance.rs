//! It passes the conformance suite as far as it declares: on one server, and on three.

use keywell_conformance::Subject;
use keywell_servers::Memcached;

use crate::place::{options, server, store};

/// How many lists of random operations are compared with the model.
const CASES: u32 = 50;

async fn one() -> Subject {
    Subject::new(store(&options([server().await])).await)
}

async fn three() -> Subject {
    let mut servers = Vec::new();
    for _ in 0..3 {
        servers.push(Memcached::start().await.expect("a server starts"));
    }
    let store = store(&options(&servers)).await;
    Subject::new(store).keeping(servers)
}

mod one {
    use super::one;
    keywell_conformance::suite!(one);
}

mod three {
    use super::three;
    keywell_conformance::suite!(three);
}

#[test]
fn it_answers_as_a_model_does() {
    let driven = keywell_conformance::models::drive(CASES, one);
    driven.unwrap_or_else(|found| panic!("{found}"));
}
