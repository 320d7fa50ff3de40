use std::future::Future;

use crate::behaviour::Behaviour;
use crate::subject::Subject;

/// Adds one test per behaviour to the tests of a store.
///
/// Takes the name of an async function without arguments that returns a [`Subject`]. Each test calls
/// it once.
///
/// ```
/// use keywell_conformance::Subject;
/// use keywell_memory::MemoryStore;
///
/// async fn memory() -> Subject {
///     Subject::new(MemoryStore::new())
/// }
///
/// keywell_conformance::suite!(memory);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! suite {
    ($subject:ident) => {
        $crate::__for_each_behaviour!([$crate::__tests] $subject);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    ($subject:ident $(
        $group:ident { $( $(#[doc = $promise:literal])+ $name:ident $needs:tt )* }
    )*) => {
        $(
            mod $group {
                $(
                    #[test]
                    fn $name() {
                        $crate::__alone(stringify!($group), stringify!($name), super::$subject);
                    }
                )*
            }
        )*
    };
}

/// Runs one behaviour on a runtime of its own.
///
/// # Panics
///
/// With the [`Failure`](crate::Failure), if the promise is broken.
#[doc(hidden)]
pub fn __alone<F: Future<Output = Subject>>(group: &str, name: &str, make: impl FnOnce() -> F) {
    let is_this = |one: &&Behaviour| one.group == group && one.name == name;
    let behaviour = crate::behaviours().iter().find(is_this);
    let behaviour = behaviour.expect("the tests and the registry come from one list");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .expect("the system has room for four threads");
    runtime.block_on(async {
        let subject = make().await;
        match behaviour.run(&subject).await {
            Ok(outcome) => println!("{group}::{name}: {outcome}"),
            Err(failure) => panic!("{}\n{failure}", behaviour.promise),
        }
    });
}
