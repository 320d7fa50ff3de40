//! Arguments and results in JSON.
//!
//! | WIT | JSON |
//! |---|---|
//! | `bool`, `string`, integers of up to 32 bits | the same of JSON |
//! | `s64`, `u64` | a number; past 2^53 on either side its text, which is taken for every number |
//! | `f32`, `f64` | a number, or `"nan"`, `"inf"`, `"-inf"` |
//! | `char` | a string of one character |
//! | `list<u8>` | base64 with padding; an array of numbers is taken, too |
//! | other lists, tuples | an array |
//! | `map` | an array of arrays of a key and a value |
//! | `record` | an object; fields that are options may be left out |
//! | `enum` | its name |
//! | `flags` | an array of names |
//! | `option<T>` | `null`, or what `T` is; an option within an option: `null`, or `{"some": …}` |
//! | `result` | `{"ok": …}` or `{"err": …}`, with `null` where there is no value |
//! | `variant` | `{"CASE": …}`, with `null` where the case has no value |

mod arguments;
mod read;
mod room;
#[cfg(test)]
mod tests;
mod write;

pub use self::arguments::{arguments, parse};
pub use self::read::from_json;
pub use self::room::{ArgumentRoom, MAX_BYTES};
pub use self::write::to_json;
