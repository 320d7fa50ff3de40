//! The public functions, one per promise, and the list of all behaviours.

use crate::behaviour::{self, Behaviour, Outcome};
use crate::checks;
use crate::failure::Failure;
use crate::need::Need;
use crate::subject::Subject;

macro_rules! register {
    ($( $group:ident { $( $(#[doc = $promise:literal])+ $name:ident [$($need:ident)*] )* } )*) => {
        $(
            #[doc = concat!("Behaviours of the group `", stringify!($group), "`.")]
            ///
            /// Each function runs one behaviour in buckets of its own, and deletes what it wrote.
            pub mod $group {
                use super::*;
                $(
                    $(#[doc = $promise])+
                    ///
                    /// # Errors
                    ///
                    /// A [`Failure`] if the promise is broken.
                    pub async fn $name(subject: &Subject) -> Result<Outcome, Failure> {
                        behaviour::run(subject, &[$(Need::$need),*], |scratch| {
                            Box::pin(checks::$group::$name(scratch))
                        })
                        .await
                    }
                )*
            }
        )*

        static BEHAVIOURS: &[Behaviour] = &[
            $( $( Behaviour {
                group: stringify!($group),
                name: stringify!($name),
                promise: concat!($($promise),+),
                run: |subject| Box::pin($group::$name(subject)),
            }, )* )*
        ];
    };
}
crate::__for_each_behaviour!([register]);

/// All behaviours, group by group.
pub fn behaviours() -> &'static [Behaviour] {
    BEHAVIOURS
}
