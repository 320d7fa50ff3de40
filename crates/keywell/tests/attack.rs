//! The attacks of `cargo xtask attack` in their short form, a test each. Those of `stores` start a
//! Redis.

use keywell_attack::{Attack, Context};

/// Attacks the program that is tested.
fn holds(group: &str, name: &str) {
    let program = env!("CARGO_BIN_EXE_keywell");
    let context = Context::new(program, env!("CARGO_TARGET_TMPDIR"), false);
    let attack = Attack::named(group, name).expect("it is in the list");
    let seen = attack.run(&context).expect("it can be tried");
    assert!(seen.held, "{seen}");
}

macro_rules! tests {
    ($($group:ident: [$($name:ident),* $(,)?] + [$($long:ident),* $(,)?]),* $(,)?) => {
        $(mod $group {
            $(#[test]
            fn $name() {
                super::holds(stringify!($group), stringify!($name));
            })*
        })*
    };
}

keywell_attack::every_attack!(tests);
