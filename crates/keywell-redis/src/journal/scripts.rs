//! What is done in Redis, each in one step. A mutation is one script, and one round trip.
//!
//! Scripts, since Redis 6.2 has no functions. A script gets the names of all its keys, which have one
//! hash tag, so a cluster runs it.

use crate::link::Script;

macro_rules! behind_head {
    ($file:literal) => {
        Script::new(concat!(include_str!("lua/head.lua"), include_str!($file)))
    };
}

pub(crate) static GET: Script = Script::new(include_str!("lua/get.lua"));
pub(crate) static EXISTS: Script = Script::new(include_str!("lua/exists.lua"));
pub(crate) static COUNT: Script = Script::new(include_str!("lua/count.lua"));
pub(crate) static FORGET: Script = Script::new(include_str!("lua/forget.lua"));

pub(crate) static SET: Script = behind_head!("lua/set.lua");
pub(crate) static DELETE: Script = behind_head!("lua/delete.lua");
pub(crate) static SWAP: Script = behind_head!("lua/swap.lua");
pub(crate) static INCREMENT: Script = behind_head!("lua/increment.lua");
pub(crate) static TRANSACT: Script = Script::new(concat!(
    include_str!("../lua/numbers.lua"),
    include_str!("lua/head.lua"),
    include_str!("lua/transact.lua")
));
pub(crate) static LIST: Script = behind_head!("lua/list.lua");
pub(crate) static BEGIN: Script = behind_head!("lua/begin.lua");
pub(crate) static FOLLOW: Script = behind_head!("lua/follow.lua");
