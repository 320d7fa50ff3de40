use keywell_store::{Error, Result};
use redis::Value;

use super::cluster::target_of;
use super::primary::Primary;
use super::reply::Verdict;

/// What a node's reply says of where a key is.
#[derive(Debug)]
pub(crate) enum Found {
    /// Here; and what is there.
    Here(Result<Value>),
    /// Its slot is another node's.
    Moved(Primary),
    /// Its slot is being moved, and the key is no longer here.
    Asked,
    /// The node does not say.
    Unknown(Error),
}

// === impl Found ===

impl Found {
    /// Reads the reply of a primary.
    pub(crate) fn of(reply: Value, at: &Primary) -> Self {
        match Verdict::of(reply) {
            Verdict::Done(Ok(value)) => Self::Here(Ok(value)),
            // Another program keeps something there.
            Verdict::Done(Err(error @ Error::Corrupt(_))) => Self::Here(Err(error)),
            Verdict::Done(Err(error)) => Self::Unknown(error),
            Verdict::Moved(target) => match at {
                Primary::Node(from) => match target_of(&target, from) {
                    Ok(to) if to == *from => Self::Unknown(Error::Unavailable(
                        "a node of the cluster points to itself".into(),
                    )),
                    Ok(to) => Self::Moved(Primary::Node(to)),
                    Err(error) => Self::Unknown(error),
                },
                Primary::Only => Self::Unknown(Error::Unavailable(
                    "the server is part of a cluster, and another one has this key".into(),
                )),
            },
            Verdict::Ask(_) => Self::Asked,
            Verdict::Later(failure) | Verdict::ReadOnly(failure) => {
                Self::Unknown(Error::Unavailable(failure))
            }
            Verdict::UnknownScript => Self::Unknown(Error::Internal(
                "a read was answered by something else".into(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Address;

    #[test]
    fn a_reply_says_where_a_key_is() {
        let node = |port| {
            let host = "h".to_owned();
            Primary::Node(Address::Tcp { host, port })
        };
        let of = |reply: &str| {
            let reply = redis::parse_redis_value(reply.as_bytes()).unwrap();
            Found::of(reply, &node(1))
        };
        assert!(matches!(of("$1\r\nv\r\n"), Found::Here(Ok(_))));
        assert!(matches!(of("$-1\r\n"), Found::Here(Ok(Value::Nil))));
        assert!(matches!(of("-WRONGTYPE no\r\n"), Found::Here(Err(_))));
        assert!(matches!(of("-MOVED 7 h:2\r\n"), Found::Moved(to) if to == node(2)));
        assert!(matches!(of("-MOVED 7 :2\r\n"), Found::Moved(to) if to == node(2)));
        assert!(matches!(of("-ASK 7 h:2\r\n"), Found::Asked));
        for refused in [
            "CLUSTERDOWN x",
            "LOADING x",
            "NOPERM x",
            "MOVED 7 x",
            "MOVED 7 h:1",
        ] {
            let found = of(&format!("-{refused}\r\n"));
            assert!(matches!(found, Found::Unknown(_)), "{found:?}");
        }
    }
}
