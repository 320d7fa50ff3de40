use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use keywell_store::{Answer, Bucket as _, Error, Result, Set};

use crate::cache::vacancies::Turn;
use crate::opened::Opened;

/// The resource `vacancy`: a key that no value was found at, which its holder may fill. Dropping it
/// lets the next caller in.
pub(crate) struct Vacancy {
    bucket: Arc<Opened>,
    key: String,
    turn: Option<Turn>,
}

/// What an outgoing value fills when the guest drops it.
///
/// Without a value that is complete, or where it cannot be filled, the next caller is let in.
pub(crate) struct Fill(Result<Filling>);

struct Filling {
    bucket: Arc<Opened>,
    key: String,
    how: Set,
    turn: Turn,
}

/// How a key of the cache is set.
///
/// # Errors
///
/// [`Invalid::Ttl`](keywell_store::Invalid::Ttl) for no time, [`Error::Unsupported`] in a store
/// without times to live.
pub(crate) fn how(bucket: &Opened, ttl: Option<u32>) -> Result<Set> {
    let Some(millis) = ttl else {
        return Ok(Set::default());
    };
    if !bucket.capabilities().ttl {
        return Err(Error::Unsupported("a time to live"));
    }
    Set::expiring(Duration::from_millis(millis.into()))
}

// === impl Vacancy ===

impl Vacancy {
    pub(crate) fn new(bucket: Arc<Opened>, key: String, turn: Turn) -> Self {
        Self {
            bucket,
            key,
            turn: Some(turn),
        }
    }

    /// Passes it on to an outgoing value, once.
    pub(crate) fn fill(&mut self, ttl: Option<u32>) -> Fill {
        let Some(turn) = self.turn.take() else {
            return Fill(Err(Error::AccessDenied(
                "the vacancy was filled before".into(),
            )));
        };
        Fill(how(&self.bucket, ttl).map(|how| Filling {
            bucket: self.bucket.clone(),
            key: self.key.clone(),
            how,
            turn,
        }))
    }
}

// === impl Fill ===

impl Fill {
    /// Whether a value of so many bytes can fill it.
    ///
    /// # Errors
    ///
    /// What storing it would fail with, as far as the host knows.
    pub(crate) fn check(&self, bytes: usize) -> Result<()> {
        match &self.0 {
            Ok(filling) => filling.bucket.limits().check_value(bytes),
            Err(error) => Err(error.clone()),
        }
    }

    /// Stores the value, and then lets the others read it.
    pub(crate) fn store(self, value: Bytes) -> Answer<()> {
        let Filling {
            bucket,
            key,
            how,
            turn,
        } = match self.0 {
            Ok(filling) => filling,
            Err(error) => return error.into(),
        };
        bucket.set(&key, value, how).map(|_| turn.mark_filled())
    }
}

#[cfg(test)]
mod tests {
    use keywell_store::layer::{Limited, Limits};
    use keywell_store::{Bucket, BucketName, Capabilities, Entry, Version};

    use super::*;
    use crate::cache::place::Place;
    use crate::cache::vacancies::{Admitted, Component, Vacancies};
    use crate::chosen::LinkNumber;
    use crate::grants::{Grants, Origin};

    /// A bucket without times to live.
    struct Plain;

    impl Bucket for Plain {
        fn capabilities(&self) -> Capabilities {
            Capabilities::default()
        }

        fn get_within(&self, _: &str, _: usize) -> Answer<Option<Entry>> {
            Answer::now(None)
        }

        fn set(&self, _: &str, value: Bytes, how: Set) -> Answer<Version> {
            match how.ttl {
                None => Answer::now(value.into()),
                Some(_) => panic!("a time to live came to the store"),
            }
        }

        fn delete(&self, _: &str) -> Answer<()> {
            Answer::now(())
        }
    }

    fn opened() -> Arc<Opened> {
        Arc::new(Opened {
            bucket: Limited::new(Arc::new(Plain), Limits::default()),
            store: Arc::new(keywell_memory::MemoryStore::default()),
            name: "cache".into(),
            link: LinkNumber::UNNAMED,
        })
    }

    async fn vacancy(place: Place) -> Vacancy {
        let component = Component::of(&Arc::new(Grants::none()));
        let joined = Vacancies::of_process().join(place, component);
        match joined.unwrap().wait().await {
            Admitted::First(turn) => Vacancy::new(opened(), "k".to_owned(), turn),
            Admitted::Filled(_) => panic!("no other caller fills it"),
        }
    }

    fn place() -> Place {
        let origin = Origin {
            store: Arc::new(keywell_memory::MemoryStore::default()),
            bucket: BucketName::default(),
            prefix: String::new(),
        };
        Place::new(&origin, "k")
    }

    #[tokio::test]
    async fn a_time_to_live_is_refused_where_the_store_has_none() {
        let place = place();
        assert!(matches!(
            how(&opened(), Some(5)),
            Err(Error::Unsupported(_))
        ));
        assert_eq!(how(&opened(), None).unwrap(), Set::default());
        let mut first = vacancy(place.clone()).await;
        let fill = first.fill(Some(5));
        assert!(matches!(fill.check(0), Err(Error::Unsupported(_))));
        // The next caller is let in though this one keeps what it has.
        let mut second = vacancy(place.clone()).await;
        let stored = fill.store(Bytes::new()).await;
        assert!(matches!(stored, Err(Error::Unsupported(_))), "{stored:?}");
        let fill = second.fill(None);
        fill.check(2).unwrap();
        fill.store(Bytes::from_static(b"vv")).await.unwrap();
        vacancy(place).await;
    }

    #[tokio::test]
    async fn a_vacancy_is_filled_once_and_by_no_value_too_large() {
        let place = place();
        let mut vacancy = vacancy(place).await;
        let fill = vacancy.fill(None);
        let too_large = fill.check(Limits::default().value_bytes + 1);
        assert!(matches!(too_large, Err(Error::Invalid(_))), "{too_large:?}");
        let second = vacancy.fill(None);
        assert!(matches!(second.check(0), Err(Error::AccessDenied(_))));
    }
}
