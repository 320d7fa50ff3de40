//! Stores that hold other characters than they declare.

use bytes::Bytes;
use keywell_conformance::limits;
use keywell_store::{Alphabet, Answer, Capabilities, Error, Invalid, Set, Version};

use crate::bug::{Bug, Caught, Inner};

/// How a store treats keys outside its alphabet.
#[derive(Clone, Copy)]
enum Characters {
    /// It takes them.
    Takes,
    /// It leaves the characters out.
    LeavesOut,
    /// It blames the length of the key.
    BlamesTheLength,
}

impl Characters {
    fn excluded(character: char) -> bool {
        character.is_control()
    }

    fn key(self, key: &str) -> Result<String, Error> {
        match self {
            Self::LeavesOut => Ok(key.replace(Self::excluded, "")),
            Self::BlamesTheLength if key.contains(Self::excluded) => {
                let bytes = key.len();
                Err(Invalid::KeyTooLong { bytes, max: bytes }.into())
            }
            Self::Takes | Self::BlamesTheLength => Ok(key.to_owned()),
        }
    }
}

impl Bug for Characters {
    fn capabilities(&self, inner: &Inner) -> Capabilities {
        Capabilities {
            alphabet: Alphabet {
                excluded: &[('\0', '\u{1f}')],
            },
            ..inner.capabilities()
        }
    }

    fn set(&self, inner: &Inner, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        match self.key(key) {
            Ok(key) => inner.set(&key, value, how),
            Err(error) => error.into(),
        }
    }
}

#[tokio::test]
async fn a_store_that_holds_other_characters_than_it_declares_is_caught() {
    for characters in [
        Characters::Takes,
        Characters::LeavesOut,
        Characters::BlamesTheLength,
    ] {
        Caught::with(characters)
            .by(limits::a_store_refuses_keys_outside_its_alphabet)
            .await;
    }
}
