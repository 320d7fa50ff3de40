//! How far a watch has read a stream.

use std::collections::BTreeMap;
use std::sync::Arc;

use keywell_store::{Cursor, Error, Invalid, Result, ResumeToken};

/// What tokens are sealed as, beside cursors.
const TOKEN: &str = "\0watch";

/// How far a shard is read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    /// Not at all, and its first record is not known.
    Start,
    /// Not at all; its records begin with this number.
    At(Arc<str>),
    /// Up to this time, in milliseconds since 1970. Records have whole seconds, rounded down.
    From(u64),
    /// Up to the record with this number.
    After(Arc<str>),
}

/// How far each shard is read that has not ended. A shard that is not in it is read already, or is
/// a descendant of one that is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Position(Arc<BTreeMap<Arc<str>, Place>>);

// === impl Position ===

impl Position {
    pub(super) fn new(shards: impl IntoIterator<Item = (Arc<str>, Place)>) -> Self {
        Self(Arc::new(shards.into_iter().collect()))
    }

    pub(super) fn shards(&self) -> impl Iterator<Item = (&Arc<str>, &Place)> {
        self.0.iter()
    }

    /// Replaces each time by that of the mark's record, which is of the clock of the service, as are
    /// the times with which DynamoDB compares it.
    pub(super) fn begin(&mut self, time: u64) {
        for place in Arc::make_mut(&mut self.0).values_mut() {
            if matches!(place, Place::From(_)) {
                *place = Place::From(time);
            }
        }
    }

    /// Moves on in a shard.
    pub(super) fn advance(&mut self, shard: &Arc<str>, place: Place) {
        Arc::make_mut(&mut self.0).insert(shard.clone(), place);
    }

    /// Goes on with the children of a shard that ended.
    pub(super) fn replace(
        &mut self,
        shard: &str,
        children: impl IntoIterator<Item = (Arc<str>, Place)>,
    ) {
        let shards = Arc::make_mut(&mut self.0);
        shards.remove(shard);
        shards.extend(children);
    }

    /// The position as text: the stream, and a line for each shard.
    pub(super) fn token(&self, stream: &str, scope: &str) -> ResumeToken {
        let mut text = stream.to_owned();
        for (shard, place) in self.0.iter() {
            text.push('\n');
            text.push_str(shard);
            match place {
                Place::Start => {}
                Place::At(number) => text.extend([" @", &**number]),
                Place::From(time) => text.extend([" ~", &time.to_string()]),
                Place::After(number) => text.extend([" ", &**number]),
            }
        }
        String::from(Cursor::seal(scope, TOKEN, text.as_bytes())).into()
    }

    /// The stream and the position of a token.
    ///
    /// # Errors
    ///
    /// [`Invalid::Token`] for text that is none of this bucket.
    pub(super) fn from_token(token: &ResumeToken, scope: &str) -> Result<(String, Self)> {
        let refused = || Error::Invalid(Invalid::Token);
        let cursor = Cursor::from(token.as_str().to_owned());
        let bytes = cursor.position(scope, TOKEN).map_err(|_| refused())?;
        let text = String::from_utf8(bytes).map_err(|_| refused())?;
        let mut lines = text.lines();
        let stream = lines.next().ok_or_else(refused)?.to_owned();
        let shards = lines.map(|line| {
            let Some((shard, place)) = line.split_once(' ') else {
                return Ok((line.into(), Place::Start));
            };
            let place = if let Some(time) = place.strip_prefix('~') {
                Place::From(time.parse().map_err(|_| refused())?)
            } else if let Some(number) = place.strip_prefix('@') {
                Place::At(number.into())
            } else {
                Place::After(place.into())
            };
            Ok((shard.into(), place))
        });
        Ok((stream, Self(Arc::new(shards.collect::<Result<_>>()?))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_every_place() {
        let shards = [
            ("shardId-1".into(), Place::Start),
            ("shardId-2".into(), Place::From(1_764_000_000_123)),
            (
                "shardId-3".into(),
                Place::After("00000000179581705844".into()),
            ),
            ("shardId-4".into(), Place::At("00000000179581705845".into())),
        ];
        let mut position = Position::new(shards);
        let token = position.token("arn:stream", "dynamodb/t/b");
        let (stream, read) = Position::from_token(&token, "dynamodb/t/b").unwrap();
        assert_eq!((&*stream, &read), ("arn:stream", &position));
        assert!(Position::from_token(&token, "dynamodb/t/c").is_err());
        let children = ["shardId-5", "shardId-6"].map(|child| (child.into(), Place::Start));
        position.replace("shardId-3", children);
        position.advance(&"shardId-1".into(), Place::After("7".into()));
        let shards: Vec<_> = position.shards().map(|(shard, _)| &**shard).collect();
        let expected = [
            "shardId-1",
            "shardId-2",
            "shardId-4",
            "shardId-5",
            "shardId-6",
        ];
        assert_eq!(shards, expected);
    }
}
