//! Lists and sets of texts, element by element.
//!
//! An element is an entry of its own, under a key of [`place`](super::place). So an item is there once
//! however often its message arrives, and a removal removes the writes that its node had seen: an
//! item or a member that another node adds at the same time stays. Nothing of this is known to the
//! copies that compare and send entries.
//!
//! Nodes that create one key as several kinds at once keep all of them. The first of value, list and
//! set shows until it is deleted.

use std::collections::BTreeSet;

use keywell_store::{Kind, Members, collection};

use super::entry::{Element, Entry};
use super::machine::{Refused, Replica};
use super::message::Effect;
use super::origin::Dot;
use super::place::Head;
use super::sizes::Size;

/// What a write answers, and what follows from it.
type Written<T> = Result<(T, Vec<Effect>), Refused>;

/// What kind of value a key holds.
pub(crate) fn kind(replica: &Replica, key: &str) -> Option<Kind> {
    if replica.entry(key).is_some() {
        return Some(Kind::Value);
    }
    match replica.size(key) {
        Size {
            items: 0,
            members: 0,
        } => None,
        Size { items: 0, .. } => Some(Kind::Set),
        _ => Some(Kind::List),
    }
}

/// Refuses a key that holds another kind.
pub(crate) fn expect(replica: &Replica, key: &str, kind: Kind) -> Result<(), Refused> {
    match self::kind(replica, key) {
        Some(other) if other != kind => Err(Refused::OtherKind(other)),
        _ => Ok(()),
    }
}

/// Appends to a list, and answers its length.
pub(crate) fn push(replica: &mut Replica, key: &str, item: &str, now: u64) -> Written<usize> {
    expect(replica, key, Kind::List)?;
    let head = Head::of_list(key);
    let stamp = replica.next_stamp(now);
    let element = Element::Item(stamp, item.to_owned());
    let effects = replica.add(&head.item(stamp), element, Vec::new());
    Ok((replica.size(key).items, effects))
}

/// The items of a list from one position to another, both included, without more than the caller can
/// hold.
pub(crate) fn range(
    replica: &Replica,
    key: &str,
    (start, stop): (i64, i64),
    mut hold: impl FnMut(&str) -> keywell_store::Result<()>,
) -> keywell_store::Result<Vec<String>> {
    expect(replica, key, Kind::List)?;
    let head = Head::of_list(key);
    let (first, count) = collection::positions(replica.size(key).items, start, stop);
    let entries = replica.entries_from(head.as_str(), None);
    let entries = entries.skip(first).take(count);
    let items = entries.flat_map(|(_, entry)| entry.texts().map(|(_, text)| text));
    items
        .map(|text| hold(text).map(|()| text.to_owned()))
        .collect()
}

/// Deletes the items of a list that equal a text, and answers how many there were.
pub(crate) fn delete_item(replica: &mut Replica, key: &str, item: &str) -> Written<usize> {
    expect(replica, key, Kind::List)?;
    let head = Head::of_list(key);
    let entries = replica.entries_from(head.as_str(), None);
    let equal = entries.filter_map(|(key, entry)| {
        let dots = dots_of(entry, item);
        (!dots.is_empty()).then(|| (key.clone(), dots))
    });
    let equal = equal.collect::<Vec<_>>();
    let deleted = equal.iter().map(|(_, dots)| dots.len()).sum();
    let effects = equal.into_iter();
    let effects = effects.flat_map(|(key, dots)| replica.remove(&key, dots));
    Ok((deleted, effects.collect()))
}

/// Adds to a set, and answers whether the member is new to it.
pub(crate) fn add(replica: &mut Replica, key: &str, member: &str, now: u64) -> Written<bool> {
    expect(replica, key, Kind::Set)?;
    let place = Head::of_set(key).member(member);
    // It is added again, so that a removal elsewhere that has not seen this does not remove it.
    let entry = replica.entry(&place);
    let before = entry.map_or_else(Vec::new, |entry| dots_of(entry, member));
    let is_new = before.is_empty();
    let stamp = replica.next_stamp(now);
    let element = Element::Member(stamp, member.to_owned());
    Ok((is_new, replica.add(&place, element, before)))
}

/// Removes from a set, and answers whether the member was there.
pub(crate) fn remove(replica: &mut Replica, key: &str, member: &str) -> Written<bool> {
    expect(replica, key, Kind::Set)?;
    let place = Head::of_set(key).member(member);
    let entry = replica.entry(&place);
    let dots = entry.map_or_else(Vec::new, |entry| dots_of(entry, member));
    Ok((!dots.is_empty(), replica.remove(&place, dots)))
}

/// The members of sets, each once and in the order of their bytes, without more than the caller can
/// hold.
pub(crate) fn members(
    replica: &Replica,
    keys: &[String],
    of: Members,
    mut hold: impl FnMut(&str) -> keywell_store::Result<()>,
) -> keywell_store::Result<Vec<String>> {
    for key in keys {
        expect(replica, key, Kind::Set)?;
    }
    let heads: Vec<Head> = keys.iter().map(|key| Head::of_set(key)).collect();
    let mut found: Option<BTreeSet<&str>> = None;
    for head in &heads {
        let entries = replica.entries_from(head.as_str(), None);
        let texts = entries.flat_map(|(_, entry)| entry.texts().map(|(_, text)| text));
        found = Some(match (found, of) {
            (None, _) => texts.collect(),
            (Some(found), Members::Union) => found.into_iter().chain(texts).collect(),
            (Some(found), Members::Intersection) => {
                texts.filter(|text| found.contains(text)).collect()
            }
        });
    }
    let found = found.unwrap_or_default().into_iter();
    found
        .map(|text| hold(text).map(|()| text.to_owned()))
        .collect()
}

/// Deletes a list or a set, and answers how many texts it had.
pub(crate) fn clear(replica: &mut Replica, key: &str) -> Written<usize> {
    if kind(replica, key) == Some(Kind::Value) {
        return Err(Refused::OtherKind(Kind::Value));
    }
    Ok(drop_all(replica, key))
}

/// Deletes the list and the set of a key, if it has any, and answers how many texts they had.
pub(crate) fn drop_all(replica: &mut Replica, key: &str) -> (usize, Vec<Effect>) {
    let (mut texts, mut effects) = (0, Vec::new());
    if replica.size(key) == Size::default() {
        return (texts, effects);
    }
    for head in [Head::of_list(key), Head::of_set(key)] {
        let entries = replica.entries_from(head.as_str(), None);
        let mut places = Vec::new();
        for (place, entry) in entries {
            let of_place: BTreeSet<&str> = entry.texts().map(|(_, text)| text).collect();
            texts += of_place.len();
            places.push(place.clone());
        }
        for place in places {
            effects.extend(replica.delete(&place));
        }
    }
    (texts, effects)
}

/// The writes of an entry that made this text.
fn dots_of(entry: &Entry, text: &str) -> Vec<Dot> {
    let made = entry.texts().filter(|(_, made)| *made == text);
    made.map(|(dot, _)| dot).collect()
}
