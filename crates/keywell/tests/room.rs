//! The room that all triggers of an application share.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use support::alerts::Alerts;
use support::application::{Application, get};
use support::gate::{Gate, Held};
use support::guest;

/// What a request that came to the gate is answered once it is let go.
const FETCHED: (u16, &str) = (200, "200 2");

/// Two components that answer HTTP, and one that alerts an address of every key that is set, with
/// so many instances for all. The HTTP components may fetch from the gate.
fn application(instances: u32, reuse: u32, gate: &Gate, alerted: &str) -> String {
    let mischief = guest("mischief");
    let mischief = mischief.to_str().unwrap();
    let http = |name: &str| {
        format!(
            "[component.{name}]\npath = {mischief:?}\nstore = \"main\"\noutgoing = [{:?}]\n\
             \n[[trigger.http]]\ncomponent = {name:?}\naddr = \"127.0.0.1:0\"\nreuse = {reuse}\n",
            gate.address
        )
    };
    format!(
        "[limits]\ninstances = {instances}\ntimeout = \"1m\"\n[store.main]\nurl = \"memory:\"\n{}{}\
         [component.alerts]\npath = {:?}\nstore = \"main\"\noutgoing = [{alerted:?}]\n\
         env.ALERT_URL = \"http://{alerted}/{{key}}\"\n\
         \n[[trigger.watch]]\ncomponent = \"alerts\"\non = \"SET@*\"\n",
        http("left"),
        http("right"),
        guest("http_watcher").to_str().unwrap(),
    )
}

/// Where both HTTP components listen.
fn both(application: &Application) -> [&str; 2] {
    let address = |at: usize| application.lines[at].split("http://").nth(1).unwrap();
    [address(0), address(1)]
}

fn answer(address: &str, path: &str) -> (u16, String) {
    let response = get(address, path);
    (response.status, response.text())
}

#[test]
fn requests_to_two_components_wait_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let (gate, alerts) = (Gate::start(), Alerts::start());
    let text = application(2, 1, &gate, &alerts.address);
    let application = Application::start(folder.path(), &text);
    let both = both(&application);
    thread::scope(|scope| {
        let running = both.map(|address| {
            let path = gate.path();
            scope.spawn(move || answer(address, &path))
        });
        let held = [gate.hold(), gate.hold()];
        // Thirty-two may wait for two that run.
        let (sender, answers) = mpsc::channel();
        for n in 0..40 {
            let sender = sender.clone();
            let path = format!("/set?key=k{n}&value=v");
            scope.spawn(move || sender.send(answer(both[n % 2], &path)).unwrap());
        }
        for _ in 0..8 {
            let refused = answers.recv_timeout(support::PATIENCE).unwrap();
            assert_eq!(refused, (503, "too busy; try again later\n".to_owned()));
        }
        held.into_iter().for_each(Held::let_go);
        for _ in 0..32 {
            let answered = answers.recv_timeout(support::PATIENCE).unwrap();
            assert_eq!(answered, (200, "ok".to_owned()));
        }
        for one in running {
            let (status, text) = one.join().unwrap();
            assert_eq!((status, &*text), FETCHED);
        }
    });
    // What was set meanwhile is delivered.
    for _ in 0..32 {
        assert_eq!(alerts.next().status, 200);
    }
    application.stop();
    assert!(alerts.rest().is_empty());
}

#[test]
fn a_component_has_no_more_instances_than_its_own_limit() {
    let folder = tempfile::tempdir().unwrap();
    let (gate, alerts) = (Gate::start(), Alerts::start());
    let text = application(4, 1, &gate, &alerts.address);
    let text = text.replace("[component.left]\n", "[component.left]\ninstances = 1\n");
    let application = Application::start(folder.path(), &text);
    let [left, right] = both(&application);
    thread::scope(|scope| {
        let path = gate.path();
        let running = scope.spawn(move || answer(left, &path));
        let held = gate.hold();
        // Half of the sixty-four that may wait; none of them runs beside the first.
        let (sender, answers) = mpsc::channel();
        for _ in 0..35 {
            let sender = sender.clone();
            scope.spawn(move || sender.send(answer(left, "/get?key=k")).unwrap());
        }
        for _ in 0..3 {
            let (status, _) = answers.recv_timeout(support::PATIENCE).unwrap();
            assert_eq!(status, 503);
        }
        assert_eq!(get(right, "/get?key=k").status, 200, "others have room");
        assert!(answers.try_recv().is_err());
        held.let_go();
        for _ in 0..32 {
            let (status, _) = answers.recv_timeout(support::PATIENCE).unwrap();
            assert_eq!(status, 200);
        }
        let (status, text) = running.join().unwrap();
        assert_eq!((status, &*text), FETCHED);
    });
    application.stop();
}

#[test]
fn a_request_that_had_to_wait_has_all_of_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Gate::start();
    let mischief = guest("mischief");
    let component = |name: &str, timeout: &str| {
        format!(
            "[component.{name}]\npath = {:?}\nstore = \"main\"\noutgoing = [{:?}]\ntimeout = {timeout:?}\n\
             \n[[trigger.http]]\ncomponent = {name:?}\naddr = \"127.0.0.1:0\"\n",
            mischief.to_str().unwrap(),
            gate.address
        )
    };
    let text = format!(
        "[limits]\ninstances = 1\n[store.main]\nurl = \"memory:\"\n{}{}",
        component("first", "1s"),
        component("second", "2s")
    );
    let application = Application::start(folder.path(), &text);
    let [first, second] = both(&application);
    thread::scope(|scope| {
        let path = gate.path();
        let first = scope.spawn(move || (answer(first, &path).0, Instant::now()));
        let _held = gate.hold();
        let second = scope.spawn(move || (answer(second, "/sleep").0, Instant::now()));
        let [first, second] = [first, second].map(|request| request.join().unwrap());
        assert_eq!([first.0, second.0], [504, 504]);
        // The second began when the first had ended, a second later.
        let after = second.1 - first.1;
        assert!(after > Duration::from_millis(1600), "{after:?}");
    });
    application.stop();
}

#[test]
fn changes_are_delivered_while_two_components_are_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let (gate, alerts) = (Gate::start(), Alerts::start());
    let text = application(2, 1, &gate, &alerts.address);
    let application = Application::start(folder.path(), &text);
    let both = both(&application);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let load: Vec<_> = (0..12)
            .map(|n| {
                let is_over = &is_over;
                scope.spawn(move || {
                    let mut statuses = Vec::new();
                    while !is_over.load(Ordering::Relaxed) {
                        statuses.push(get(both[n % 2], "/get?key=k").status);
                    }
                    statuses
                })
            })
            .collect();
        for n in 0..10 {
            let path = format!("/set?key=k{n}&value=v");
            let set = answer(both[n % 2], &path);
            let alert = (set.0 == 200).then(|| alerts.next().target);
            if alert != Some(format!("/k{n}")) {
                is_over.store(true, Ordering::Relaxed);
                panic!("{set:?} led to {alert:?}");
            }
        }
        is_over.store(true, Ordering::Relaxed);
        for one in load {
            let statuses = one.join().unwrap();
            assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
        }
    });
    application.stop();
}

#[test]
fn deliveries_that_take_long_leave_room_for_requests() {
    let folder = tempfile::tempdir().unwrap();
    let (gate, unused) = (Gate::start(), Gate::start());
    let text = application(2, 1, &unused, &gate.address);
    let application = Application::start(folder.path(), &text);
    let both = both(&application);
    let keys = 5;
    for n in 0..keys {
        let set = answer(both[0], &format!("/set?key=k{n}&value=v"));
        assert_eq!(set, (200, "ok".to_owned()));
    }
    for _ in 0..keys {
        // One of them runs, and the others wait for it though there is an instance.
        let held = gate.hold();
        for address in both {
            for _ in 0..5 {
                assert_eq!(answer(address, "/get?key=k0"), (200, "v".to_owned()));
            }
        }
        held.let_go();
    }
    application.stop();
}

#[test]
fn instances_that_one_component_keeps_make_way_for_others() {
    let folder = tempfile::tempdir().unwrap();
    let (gate, alerts) = (Gate::start(), Alerts::start());
    let text = application(4, 1000, &gate, &alerts.address);
    let application = Application::start(folder.path(), &text);
    let both = both(&application);
    for _ in 0..2 {
        // All the instances that there may be are kept by two components.
        thread::scope(|scope| {
            for address in both {
                let running = [(); 2].map(|()| scope.spawn(|| answer(address, &gate.path())));
                let held = [gate.hold(), gate.hold()];
                held.into_iter().for_each(Held::let_go);
                for one in running {
                    let (status, text) = one.join().unwrap();
                    assert_eq!((status, &*text), FETCHED);
                }
            }
        });
        let set = answer(both[1], "/set?key=k&value=v");
        assert_eq!(set, (200, "ok".to_owned()));
        assert_eq!(alerts.next().target, "/k");
    }
    application.stop();
}

/// Two components that answer HTTP with eight instances: one misbehaves.
fn neighbours() -> String {
    let component = |name: &str, guest_name: &str| {
        format!(
            "[component.{name}]\npath = {:?}\nstore = \"main\"\n\
             \n[[trigger.http]]\ncomponent = {name:?}\naddr = \"127.0.0.1:0\"\n",
            guest(guest_name).to_str().unwrap()
        )
    };
    format!(
        "[limits]\ninstances = 8\ntimeout = \"10m\"\n[store.main]\nurl = \"memory:\"\n{}{}",
        component("bad", "mischief"),
        component("good", "counter")
    )
}

#[test]
fn endless_loops_of_a_component_do_not_keep_others_from_answering() {
    let folder = tempfile::tempdir().unwrap();
    let application = Application::start(folder.path(), &neighbours());
    let [bad, good] = both(&application);
    let begin = |path: &str| {
        let mut connection = TcpStream::connect(bad).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        connection.write_all(request.as_bytes()).unwrap();
        connection.set_nonblocking(true).unwrap();
        connection
    };
    // More than there are instances; each answers something, then computes until its time is up.
    let mut waiting: Vec<_> = (0..12).map(|_| begin("/hang-body")).collect();
    let mut running = Vec::new();
    while running.len() < 7 {
        let answered = |connection: &TcpStream| connection.peek(&mut [0]).is_ok();
        running.extend(waiting.extract_if(.., |connection| answered(connection)));
        thread::yield_now();
    }
    // Several at once, too: one runs, and the others wait for it, not for the loops.
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert_eq!(get(good, "/count").status, 200);
                }
            });
        }
    });
    application.kill();
}

#[test]
fn the_log_names_the_component_that_failed_in_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Gate::start();
    let application = Application::start(folder.path(), &application(2, 1, &gate, "127.0.0.1:1"));
    let [_, right] = both(&application);
    assert_eq!(answer(right, "/trap").0, 500);
    let logged = application.logs("failed");
    assert!(logged.contains("component=\"right\""), "{logged}");
    assert!(logged.contains("unreachable"), "{logged}");
    application.stop();
}
