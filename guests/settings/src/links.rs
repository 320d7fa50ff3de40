mod bus_1_0_0 {
    wit_bindgen::generate!({ path: "../../wit/bus-1.0.0", world: "imports" });
}
mod bus_2_0_0 {
    wit_bindgen::generate!({ path: "../../wit/bus-2.0.0", world: "imports" });
}
mod bus_2_0_1 {
    wit_bindgen::generate!({ path: "../../wit/bus-2.0.1", world: "imports" });
}
mod keyvalue {
    wit_bindgen::generate!({ path: "../../wit/keyvalue-0.2.0-draft2", world: "imports" });
}

use bus_1_0_0::wasmcloud::bus::lattice as unchecked;
use bus_2_0_0::wasmcloud::bus::lattice as checked;
use bus_2_0_1::wasmcloud::bus::lattice as latest;
use keyvalue::wasi::keyvalue::store::{Bucket, Error};
use keyvalue::wasi::keyvalue::{atomics, batch, store};

/// The bucket that is open.
#[derive(Default)]
pub struct Links {
    bucket: Option<Bucket>,
}

// === impl Links ===

impl Links {
    pub fn step(&mut self, step: &str, rest: &str) -> Option<()> {
        let answer = match step {
            "link" => return choose(rest),
            "bucket" => {
                let opened = store::open("default");
                let answer = describe(opened.as_ref().map(|_| "opened".to_owned()));
                self.bucket = opened.ok();
                println!("bucket: {answer}");
                return Some(());
            }
            "count" => describe(atomics::increment(self.bucket.as_ref()?, rest, 1).as_ref()),
            "batch" => {
                let (key, value) = rest.split_once('=')?;
                let entries = [(key.to_owned(), value.as_bytes().to_vec())];
                done(batch::set_many(self.bucket.as_ref()?, &entries))
            }
            "unbatch" => done(batch::delete_many(
                self.bucket.as_ref()?,
                &[rest.to_owned()],
            )),
            "many" => {
                let found = batch::get_many(self.bucket.as_ref()?, &[rest.to_owned()]);
                let found = found.map(|found| found.into_iter().flatten().count());
                describe(found.as_ref())
            }
            "has" => describe(self.bucket.as_ref()?.exists(rest).as_ref()),
            _ => return None,
        };
        println!("{step}: {answer}");
        Some(())
    }
}

fn choose(rest: &str) -> Option<()> {
    let mut parts = rest.splitn(3, ':');
    let (version, name, interfaces) = (parts.next()?, parts.next()?, parts.next()?);
    let interfaces = interfaces.split(',');
    // The last step takes the handles that this one drops.
    macro_rules! targets {
        ($bus:ident) => {
            interfaces
                .map(|interface| {
                    drop($bus::CallTargetInterface::new(
                        "wasi", "keyvalue", interface,
                    ));
                    $bus::CallTargetInterface::new("wasi", "keyvalue", interface)
                })
                .collect()
        };
    }
    let answer = match version {
        "1.0.0" => {
            unchecked::set_link_name(name, targets!(unchecked));
            Ok(())
        }
        "2.0.0" => checked::set_link_name(name, targets!(checked)),
        "2.0.1" => latest::set_link_name(name, targets!(latest)),
        _ => return None,
    };
    match answer {
        Ok(()) => println!("link: {name}"),
        Err(problem) => println!("link: {problem}"),
    }
    Some(())
}

fn done(answer: Result<(), Error>) -> String {
    describe(answer.map(|()| "done").as_ref())
}

fn describe<T: std::fmt::Display>(answer: Result<T, &Error>) -> String {
    match answer {
        Ok(value) => value.to_string(),
        Err(Error::NoSuchStore) => "no-such-store".to_owned(),
        Err(Error::AccessDenied) => "access-denied".to_owned(),
        Err(Error::Other(text)) => text.clone(),
    }
}
