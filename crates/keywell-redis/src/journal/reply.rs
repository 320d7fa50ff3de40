//! Replies of scripts, read strictly: a shape that no script answers is a defect.

use bytes::Bytes;
use keywell_store::{Error, Failure, Result};
use redis::Value;

/// The elements of an array, taken one after the other.
#[derive(Debug)]
pub(crate) struct Elements(std::vec::IntoIter<Value>);

pub(crate) fn unexpected(what: &'static str) -> Error {
    Error::Internal(Failure::new(what))
}

// === impl Elements ===

impl Elements {
    pub(crate) fn of(reply: Value) -> Result<Self> {
        match reply {
            Value::Array(elements) => Ok(Self(elements.into_iter())),
            _ => Err(unexpected("a reply is no array")),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn value(&mut self) -> Result<Value> {
        self.0.next().ok_or(unexpected("a reply is too short"))
    }

    pub(crate) fn optional(&mut self) -> Result<Option<Bytes>> {
        match self.value()? {
            Value::BulkString(bytes) => Ok(Some(Bytes::from(bytes))),
            Value::Nil => Ok(None),
            _ => Err(unexpected("an element of a reply is no text")),
        }
    }

    pub(crate) fn bytes(&mut self) -> Result<Bytes> {
        self.optional()?
            .ok_or(unexpected("an element of a reply is missing"))
    }

    pub(crate) fn text(&mut self) -> Result<String> {
        String::from_utf8(self.bytes()?.into())
            .map_err(|_| unexpected("an element of a reply is no UTF-8"))
    }

    pub(crate) fn number<N: std::str::FromStr>(&mut self) -> Result<N> {
        let text = self.text()?;
        text.parse()
            .map_err(|_| unexpected("an element of a reply is no number"))
    }

    /// A number, or nothing where the text is empty.
    pub(crate) fn number_if_any(&mut self) -> Result<Option<u64>> {
        let text = self.text()?;
        if text.is_empty() {
            return Ok(None);
        }
        text.parse()
            .map(Some)
            .map_err(|_| unexpected("an element of a reply is no number"))
    }

    pub(crate) fn truth(&mut self) -> Result<bool> {
        match self.value()? {
            Value::Int(number @ (0 | 1)) => Ok(number == 1),
            _ => Err(unexpected("an element of a reply is neither 0 nor 1")),
        }
    }

    pub(crate) fn elements(&mut self) -> Result<Self> {
        Self::of(self.value()?)
    }

    /// Refuses what was not taken.
    pub(crate) fn end(mut self) -> Result<()> {
        match self.0.next() {
            None => Ok(()),
            Some(_) => Err(unexpected("a reply is too long")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn elements_are_taken_in_their_order() {
        let inner = Value::Array(vec![Value::Nil]);
        let all = vec![text("a"), text("7"), text(""), Value::Int(1), inner];
        let mut elements = Elements::of(Value::Array(all)).unwrap();
        assert_eq!(elements.text().unwrap(), "a");
        assert_eq!(elements.number::<u64>().unwrap(), 7);
        assert_eq!(elements.number_if_any().unwrap(), None);
        assert!(elements.truth().unwrap());
        let mut inner = elements.elements().unwrap();
        assert_eq!(inner.optional().unwrap(), None);
        inner.end().unwrap();
        elements.end().unwrap();
    }

    #[test]
    fn a_reply_of_another_shape_is_a_defect() {
        let is_defect = |result: Result<()>| matches!(result, Err(Error::Internal(_)));
        let one = |value: Value| Elements::of(Value::Array(vec![value])).unwrap();
        assert!(is_defect(Elements::of(Value::Nil).map(drop)));
        assert!(is_defect(Elements::of(Value::Okay).map(drop)));
        assert!(is_defect(one(Value::Nil).bytes().map(drop)));
        assert!(is_defect(one(Value::Int(3)).bytes().map(drop)));
        assert!(is_defect(one(Value::Int(2)).truth().map(drop)));
        assert!(is_defect(one(text("x")).number::<u64>().map(drop)));
        assert!(is_defect(one(text("-1")).number::<u64>().map(drop)));
        let not_utf8 = Value::BulkString(vec![0xff]);
        assert!(is_defect(one(not_utf8).text().map(drop)));
        assert!(is_defect(one(Value::Nil).end()));
        let mut empty = one(Value::Nil);
        empty.value().unwrap();
        assert!(is_defect(empty.value().map(drop)));
    }
}
