//! What is answered of a batch that goes out in parts.

use keywell_store::Result;

/// What a batch came to by what its parts came to, which were sent together.
///
/// Where something of it may have happened and something failed, the batch is in doubt: of neither
/// outcome could be said that it is that of the batch.
pub(crate) fn sum<T>(parts: Vec<Result<T>>) -> Result<()> {
    let may_have_happened = |part: &Result<T>| match part {
        Ok(_) => true,
        Err(error) => !error.nothing_happened(),
    };
    let is_begun = parts.len() > 1 && parts.iter().any(may_have_happened);
    let errors = parts.into_iter().filter_map(Result::err);
    // A refusal says more than a missing answer.
    match errors.min_by_key(|error| !error.nothing_happened()) {
        None => Ok(()),
        Some(error) if is_begun => Err(error.of_a_part()),
        Some(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use keywell_store::Error;

    use super::*;

    fn lost() -> Result<()> {
        Err(Error::Unavailable("no connection".into()))
    }

    fn silent() -> Result<()> {
        Err(Error::Ambiguous("no answer".into()))
    }

    fn denied() -> Result<()> {
        Err(Error::AccessDenied("not this account".into()))
    }

    fn broken() -> Result<()> {
        Err(Error::Internal("a defect".into()))
    }

    #[test]
    fn a_batch_of_which_anything_may_have_happened_is_in_doubt_in_any_order() {
        for (one, other, cause) in [
            (Ok(()), lost(), "no connection"),
            (Ok(()), denied(), "not this account"),
            (Ok(()), silent(), "no answer"),
            (silent(), lost(), "no connection"),
            (silent(), denied(), "not this account"),
            (broken(), denied(), "not this account"),
            (broken(), Ok(()), "a defect"),
        ] {
            for parts in [vec![one.clone(), other.clone()], vec![other, one]] {
                match sum(parts) {
                    Err(Error::Ambiguous(failure)) => {
                        assert!(failure.to_string().contains(cause), "{failure}");
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    #[test]
    fn a_batch_of_which_nothing_happened_is_not() {
        assert!(sum(vec![Ok(()), Ok(())]).is_ok());
        let refused = sum(vec![denied(), lost()]);
        assert!(matches!(refused, Err(Error::AccessDenied(_))));
        assert!(matches!(
            sum(vec![lost(), lost()]),
            Err(Error::Unavailable(_))
        ));
        assert!(matches!(sum(vec![broken()]), Err(Error::Internal(_))));
    }
}
