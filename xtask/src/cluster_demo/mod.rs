//! Three processes on one replicated cache: one is killed, one is cut off, and the counts are equal
//! afterwards.

mod cluster;
mod nats;
mod relay;

use std::path::Path;

use crate::build;
use crate::demo::Then;
use crate::process::Done;
use cluster::Cluster;

/// How many requests a process receives in each part.
const REQUESTS: u64 = 20;

/// Shows copies that become equal. Runs `program`, or else builds what it needs.
pub(crate) fn cluster_demo(then: Then, program: Option<&str>) -> Done {
    let program = if let Some(program) = program {
        Path::new(program).to_owned()
    } else {
        build::build("counter")?;
        build::program()
    };
    let mut cluster = Cluster::start(program)?;
    cluster.say("All three are sent requests.");
    cluster.send(&[1, 2, 3], REQUESTS)?;
    // The one that is killed first: the others have counted its last request when they agree. What
    // a process counted and no other heard of ends with it.
    cluster.agree(&[2, 1, 3])?;

    cluster.say("Process 2 is killed, as `kill -9` does; the others are sent more.");
    cluster.kill(2)?;
    cluster.send(&[1, 3], REQUESTS)?;
    cluster.agree(&[1, 3])?;

    cluster.say("The network of process 3 is cut; both sides are sent more, and count apart.");
    cluster.cut();
    cluster.send(&[1, 3], REQUESTS)?;

    cluster.say("The network is whole again, and process 2 starts again, with nothing in memory.");
    cluster.heal();
    cluster.start_again(2)?;
    cluster.agree(&[1, 2, 3])?;
    cluster.send(&[1, 2, 3], REQUESTS)?;
    cluster.agree(&[1, 2, 3])?;
    cluster.read_elsewhere()?;
    if then == Then::End {
        return cluster.stop();
    }
    cluster.serve_on()
}
