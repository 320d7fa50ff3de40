//! From the start of `keywell serve` to its first answer, its component compiled before.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::http::Server;
use crate::measure::{Subject, rounds};
use crate::table::{Goal, Row};
use crate::{Done, keywell, load};

pub(crate) fn rows(count: usize) -> Done<Vec<Row>> {
    let keywell = keywell()?;
    let subjects: [Subject<'_>; 2] = [
        Box::new(|| {
            let began = Instant::now();
            let server = Server::keywell(&[])?;
            // The loop ends with the first answer that comes after no time.
            load::requests_per_second(&server.address, "/start", 1, Duration::from_nanos(1))?;
            Ok(began.elapsed().as_secs_f64() * 1e3)
        }),
        Box::new(|| {
            let began = Instant::now();
            Command::new(&keywell)
                .arg("--version")
                .stdout(Stdio::null())
                .status()?;
            Ok(began.elapsed().as_secs_f64() * 1e3)
        }),
    ];
    let [served, bare] = rounds(count.max(15), subjects)?;
    Ok(vec![Row {
        what: "`keywell serve` to its first answer, warm cache".to_owned(),
        figure: format!("{:.1} ms", served.median()),
        against: "`keywell --version`".to_owned(),
        other: format!("{:.1} ms", bare.median()),
        ratio: served.median() - bare.median(),
        goal: Goal::WithinMillis(50.0),
    }])
}
