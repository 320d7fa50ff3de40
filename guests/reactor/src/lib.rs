//! Is called for changes, and does what the key says, so that tests see how a trigger copes.
//!
//! Every event is counted as `attempts/KEY` in the bucket `record` when it begins, and its value appended to `log/KEY` there, `;` after
//! each and `nil` for a removal, when all went well.
//!
//! | Key | What else it does |
//! |---|---|
//! | `trap:N:…` | executes `unreachable` the first N times; without N, always |
//! | `loop:…` | computes for ever |
//! | `exit:…` | exits |
//! | `slow:…` | waits 20 ms, and counts how many did at once as `running/N` |
//! | `again:…` | sets its own key to a number one higher |
//! | `count:…` | increments its own key |
//! | `flip:…` | deletes its own key if it was set, sets it if it was deleted |
//! | `read:…` | reads its key by the handle it was given, into `read/KEY`, and sets the key `written` by it |
//! | `drop:…` | drops the handle it was given, and opens the bucket again |
//! | `keep:…` | never drops the handle |

mod react;

wit_bindgen::generate!({ path: "../../wit/keyvalue-0.2.0-draft2", world: "watch-service" });

export!(Reactor);

use react::Reactor;
