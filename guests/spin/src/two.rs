use crate::versioned::fermyon::spin::key_value::{Error, Store};
use crate::versioned::fermyon::spin::variables;
use crate::{Answer, Calls, listed, shown};

/// Version 2.0.0.
#[derive(Default)]
pub struct Two(Option<Store>);

fn done(answer: Result<(), Error>) -> Answer {
    answer.map(|()| "ok".to_owned()).map_err(described)
}

fn described(error: Error) -> String {
    match error {
        Error::StoreTableFull => "store-table-full".to_owned(),
        Error::NoSuchStore => "no-such-store".to_owned(),
        Error::AccessDenied => "access-denied".to_owned(),
        Error::Other(text) => format!("other: {text}"),
    }
}

impl Two {
    fn store(&self) -> Result<&Store, String> {
        self.0.as_ref().ok_or_else(|| "no store is open".to_owned())
    }
}

impl Calls for Two {
    fn open(&mut self, name: &str) -> Answer {
        self.0 = Some(Store::open(name).map_err(described)?);
        done(Ok(()))
    }

    fn get(&mut self, key: &str) -> Answer {
        let value = self.store()?.get(key).map_err(described)?;
        Ok(value.map_or_else(|| "none".to_owned(), |value| shown(&value)))
    }

    fn set(&mut self, key: &str, value: &[u8]) -> Answer {
        done(self.store()?.set(key, value))
    }

    fn delete(&mut self, key: &str) -> Answer {
        done(self.store()?.delete(key))
    }

    fn exists(&mut self, key: &str) -> Answer {
        let exists = self.store()?.exists(key);
        exists.map(|exists| exists.to_string()).map_err(described)
    }

    fn keys(&mut self) -> Answer {
        self.store()?.get_keys().map(listed).map_err(described)
    }

    fn close(&mut self) -> Answer {
        self.0 = None;
        done(Ok(()))
    }

    fn many(&mut self, count: usize) -> Answer {
        let mut stores = Vec::new();
        for _ in 0..count {
            stores.push(Store::open("default").map_err(described)?);
        }
        done(Ok(()))
    }

    fn config(&mut self, key: &str) -> Answer {
        variables::get(key).map_err(|error| match error {
            variables::Error::InvalidName(text) => format!("invalid-name: {text}"),
            variables::Error::Undefined(text) => format!("undefined: {text}"),
            variables::Error::Provider(text) => format!("provider: {text}"),
            variables::Error::Other(text) => format!("other: {text}"),
        })
    }
}
