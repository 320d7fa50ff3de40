use crate::unversioned::fermyon::spin::config;
use crate::unversioned::fermyon::spin::key_value::{self, Error, Store};
use crate::{Answer, Calls, listed, shown};

/// The version without a number.
#[derive(Default)]
pub struct One(Store);

fn done(answer: Result<(), Error>) -> Answer {
    answer.map(|()| "ok".to_owned()).map_err(described)
}

fn described(error: Error) -> String {
    match error {
        Error::StoreTableFull => "store-table-full".to_owned(),
        Error::NoSuchStore => "no-such-store".to_owned(),
        Error::AccessDenied => "access-denied".to_owned(),
        Error::InvalidStore => "invalid-store".to_owned(),
        Error::NoSuchKey => "no-such-key".to_owned(),
        Error::Io(text) => format!("io: {text}"),
    }
}

impl Calls for One {
    fn open(&mut self, name: &str) -> Answer {
        self.0 = key_value::open(name).map_err(described)?;
        done(Ok(()))
    }

    fn get(&mut self, key: &str) -> Answer {
        let value = key_value::get(self.0, key);
        value.map(|value| shown(&value)).map_err(described)
    }

    fn set(&mut self, key: &str, value: &[u8]) -> Answer {
        done(key_value::set(self.0, key, value))
    }

    fn delete(&mut self, key: &str) -> Answer {
        done(key_value::delete(self.0, key))
    }

    fn exists(&mut self, key: &str) -> Answer {
        let exists = key_value::exists(self.0, key);
        exists.map(|exists| exists.to_string()).map_err(described)
    }

    fn keys(&mut self) -> Answer {
        key_value::get_keys(self.0).map(listed).map_err(described)
    }

    fn close(&mut self) -> Answer {
        key_value::close(self.0);
        done(Ok(()))
    }

    fn many(&mut self, count: usize) -> Answer {
        for _ in 0..count {
            key_value::open("default").map_err(described)?;
        }
        done(Ok(()))
    }

    fn config(&mut self, key: &str) -> Answer {
        config::get_config(key).map_err(|error| match error {
            config::Error::Provider(text) => format!("provider: {text}"),
            config::Error::InvalidKey(text) => format!("invalid-key: {text}"),
            config::Error::InvalidSchema(text) => format!("invalid-schema: {text}"),
            config::Error::Other(text) => format!("other: {text}"),
        })
    }
}
