//! Stores whose lists and sets keep less than they promise.

use std::collections::BTreeSet;

use bytes::Bytes;
use keywell_conformance::collections;
use keywell_store::{
    Answer, Capabilities, Collect, Collected, Entry, Error, Invalid, Kind, List, Members, Page,
    Promptness, Result, Set, ValueBytes, Version, collection,
};
use parking_lot::Mutex;

use crate::bug::{Bug, Caught, Inner, Planted};
use crate::honest::passes;

/// Keeps lists and sets as JSON in values of the memory store, behind a mark.
#[derive(Default)]
struct Collections {
    defect: Option<Defect>,
    /// Held throughout an operation.
    one: Mutex<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    /// A new item is the first.
    PushesInFront,
    /// A range lacks its last item.
    OpenRanges,
    /// One of several equal items is deleted.
    DeletesOne,
    /// Sets have members twice.
    Bags,
    /// A removal answers that the member was there.
    RemovesAlways,
    /// An intersection leaves out keys that are not there.
    SkipsAbsent,
    /// A list without items stays.
    KeepsEmpty,
    /// `clear` deletes one text.
    ClearsOne,
    /// A list is a set, too.
    MixesKinds,
    /// A value is appended to what the key held.
    KeepsBehindValues,
    /// Texts end at a line break.
    Lines,
    /// The caller can hold everything.
    HoldsAll,
    /// Texts may have any size.
    AnySize,
    /// A listing has lists without values.
    ListsWithoutValue,
    /// An operation is not one step.
    Races,
    /// It declares nothing.
    Undeclared,
}

const MARK: &[u8] = b"\0texts";

fn now<T>(answer: Answer<T>) -> Result<T> {
    match answer {
        Answer::Now(now) => now,
        Answer::Later(_) => panic!("the memory store answers at once"),
    }
}

/// The texts in a value, if it has any.
fn texts(value: &[u8]) -> Option<(Kind, Vec<String>)> {
    let (kind, json) = value.strip_prefix(MARK)?.split_first()?;
    let kind = if *kind == b'l' { Kind::List } else { Kind::Set };
    Some((kind, serde_json::from_slice(json).expect("it was written")))
}

impl Collections {
    fn with(defect: Defect) -> Caught {
        Caught::with(Self {
            defect: Some(defect),
            ..Self::default()
        })
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    fn read(&self, inner: &Inner, key: &str, kind: Kind) -> Result<Vec<String>> {
        let Some(entry) = now(inner.get(key))? else {
            return Ok(Vec::new());
        };
        match texts(&entry.value) {
            None => Err(Invalid::Kind(Kind::Value).into()),
            Some((other, _)) if other != kind && !self.has(Defect::MixesKinds) => {
                Err(Invalid::Kind(other).into())
            }
            Some((_, texts)) => Ok(texts),
        }
    }

    fn write(&self, inner: &Inner, key: &str, kind: Kind, texts: &[String]) -> Result<()> {
        if texts.is_empty() && !self.has(Defect::KeepsEmpty) {
            return now(inner.delete(key));
        }
        let mut value = MARK.to_vec();
        value.push(if kind == Kind::List { b'l' } else { b's' });
        value.extend(serde_json::to_vec(texts).expect("texts are JSON"));
        now(inner.set(key, value.into(), Set::default())).map(drop)
    }

    /// Changes texts, and answers what the change does.
    fn change<T>(
        &self,
        inner: &Inner,
        key: &str,
        kind: Kind,
        change: impl FnOnce(&mut Vec<String>) -> T,
    ) -> Result<T> {
        let mut texts = {
            let _one = self.has(Defect::Races).then(|| self.one.lock());
            self.read(inner, key, kind)?
        };
        if self.has(Defect::Races) {
            std::thread::yield_now();
        }
        let answer = change(&mut texts);
        self.write(inner, key, kind, &texts)?;
        Ok(answer)
    }

    fn held(&self, texts: Vec<String>, max: usize) -> Result<Collected> {
        let mut bytes = ValueBytes::new(if self.has(Defect::HoldsAll) {
            usize::MAX
        } else {
            max
        });
        for text in &texts {
            bytes.add(Collect::bytes_of(text))?;
        }
        Ok(Collected::Texts(texts))
    }

    fn members(&self, inner: &Inner, keys: &[String], of: Members) -> Result<Vec<String>> {
        let mut found: Option<BTreeSet<String>> = None;
        for key in keys {
            let members = self.read(inner, key, Kind::Set)?;
            if members.is_empty() && self.has(Defect::SkipsAbsent) {
                continue;
            }
            if self.has(Defect::Bags) {
                return Ok(members);
            }
            found = Some(match found {
                None => members.into_iter().collect(),
                Some(found) if of == Members::Union => found.into_iter().chain(members).collect(),
                Some(found) => members
                    .into_iter()
                    .filter(|one| found.contains(one))
                    .collect(),
            });
        }
        Ok(found.unwrap_or_default().into_iter().collect())
    }

    fn perform(&self, inner: &Inner, operation: Collect) -> Result<Collected> {
        let is_set = |key: &str| {
            let value = now(inner.get(key)).ok().flatten();
            value
                .and_then(|entry| texts(&entry.value))
                .map(|(kind, _)| kind)
                == Some(Kind::Set)
        };
        let count = |count: usize| Collected::Count(count as u64);
        match operation {
            Collect::Push { key, item } => {
                let push = |texts: &mut Vec<String>| {
                    let at = if self.has(Defect::PushesInFront) {
                        0
                    } else {
                        texts.len()
                    };
                    texts.insert(at, item);
                    texts.len()
                };
                self.change(inner, &key, Kind::List, push).map(count)
            }
            Collect::Range {
                key,
                start,
                stop,
                max,
            } => {
                let texts = self.read(inner, &key, Kind::List)?;
                let (first, mut count) = collection::positions(texts.len(), start, stop);
                if self.has(Defect::OpenRanges) && count > 1 {
                    count -= 1;
                }
                let texts = texts.into_iter().skip(first).take(count).collect();
                self.held(texts, max)
            }
            Collect::DeleteItem { key, item } => {
                let delete = |texts: &mut Vec<String>| {
                    let before = texts.len();
                    let mut found = false;
                    texts.retain(|text| {
                        let is_kept = *text != item || (found && self.has(Defect::DeletesOne));
                        found |= *text == item;
                        is_kept
                    });
                    before - texts.len()
                };
                self.change(inner, &key, Kind::List, delete).map(count)
            }
            Collect::Clear { key } => {
                let kind = if is_set(&key) { Kind::Set } else { Kind::List };
                let is_one = self.has(Defect::ClearsOne);
                let clear = |texts: &mut Vec<String>| {
                    let end = if is_one {
                        texts.len().min(1)
                    } else {
                        texts.len()
                    };
                    texts.drain(..end).count()
                };
                self.change(inner, &key, kind, clear).map(count)
            }
            Collect::Add { key, member } => {
                let add = |texts: &mut Vec<String>| {
                    let is_new = !texts.contains(&member);
                    if is_new || self.has(Defect::Bags) {
                        texts.push(member);
                    }
                    is_new
                };
                let added = self.change(inner, &key, Kind::Set, add);
                added.map(Collected::Changed)
            }
            Collect::Remove { key, member } => {
                let remove = |texts: &mut Vec<String>| {
                    let before = texts.len();
                    texts.retain(|text| *text != member);
                    before != texts.len() || self.has(Defect::RemovesAlways)
                };
                let removed = self.change(inner, &key, Kind::Set, remove);
                removed.map(Collected::Changed)
            }
            Collect::Members { keys, of, max } => {
                let members = self.members(inner, &keys, of)?;
                self.held(members, max)
            }
        }
    }

    fn expect_value(inner: &Inner, key: &str) -> Result<()> {
        match now(inner.get(key))?.and_then(|entry| texts(&entry.value)) {
            Some((kind, _)) => Err(Invalid::Kind(kind).into()),
            None => Ok(()),
        }
    }
}

impl Bug for Collections {
    fn capabilities(&self, inner: &Inner) -> Capabilities {
        let mut declared = inner.capabilities();
        if self.has(Defect::AnySize) {
            let usual = Capabilities::default();
            (declared.key_bytes, declared.value_bytes) = (usual.key_bytes, usual.value_bytes);
        }
        Capabilities {
            promptness: Promptness::Waits,
            collections: !self.has(Defect::Undeclared),
            ..declared
        }
    }

    fn get_within(&self, inner: &Inner, key: &str, max: usize) -> Answer<Option<Entry>> {
        match Self::expect_value(inner, key) {
            Ok(()) => inner.get_within(key, max),
            Err(error) => error.into(),
        }
    }

    fn set(&self, inner: &Inner, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        if self.has(Defect::KeepsBehindValues)
            && let Err(error) = Self::expect_value(inner, key)
        {
            return error.into();
        }
        inner.set(key, value, how)
    }

    fn increment(&self, inner: &Inner, key: &str, delta: i64) -> Answer<i64> {
        match Self::expect_value(inner, key) {
            Ok(()) => inner.increment(key, delta),
            Err(error) => error.into(),
        }
    }

    fn list(&self, inner: &Inner, request: List) -> Answer<Page> {
        let page = match now(inner.list(request)) {
            Ok(page) => page,
            Err(error) => return error.into(),
        };
        let mut kinds = page.entries.iter().filter_map(|entry| texts(&entry.value));
        match kinds.next() {
            Some((kind, _)) if !self.has(Defect::ListsWithoutValue) => {
                Error::from(Invalid::Kind(kind)).into()
            }
            _ => Answer::now(page),
        }
    }

    fn collect(&self, inner: &Inner, mut operation: Collect) -> Answer<Collected> {
        let limits = self.capabilities(inner).limits();
        if self.has(Defect::Lines)
            && let Collect::Push { item, .. } = &mut operation
        {
            item.truncate(item.find('\n').unwrap_or(item.len()));
        }
        let text = operation.text().map_or(0, str::len);
        let checked = operation
            .keys()
            .iter()
            .try_for_each(|key| limits.check_length(key));
        let checked = checked.and_then(|()| limits.check_value(text));
        let checked = checked.or_else(|error| match error {
            Error::Invalid(Invalid::ValueTooLarge { .. }) if self.has(Defect::AnySize) => Ok(()),
            error => Err(error),
        });
        let _one = (!self.has(Defect::Races)).then(|| self.one.lock());
        checked.and_then(|()| self.perform(inner, operation)).into()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_with_lists_and_sets_passes() {
    let subject = keywell_conformance::Subject::new(Planted::new(Collections::default()));
    let (kept, refused, _) = passes(subject).await;
    assert!(kept > 160 && refused < 5, "{kept} kept, {refused} refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_defect_of_lists_and_sets_is_caught() {
    macro_rules! caught {
        ($($defect:ident by $behaviour:ident),* $(,)?) => {
            $(Collections::with(Defect::$defect).by(collections::$behaviour).await;)*
        };
    }
    caught! {
        PushesInFront by pushed_items_are_in_order,
        OpenRanges by a_range_counts_from_both_ends,
        DeletesOne by a_deleted_item_is_gone,
        Bags by a_set_has_each_member_once,
        RemovesAlways by a_removed_member_is_gone,
        SkipsAbsent by sets_are_united_and_intersected,
        KeepsEmpty by an_absent_key_is_an_empty_list_and_set,
        ClearsOne by clearing_deletes_all_texts,
        MixesKinds by a_key_holds_one_kind,
        KeepsBehindValues by a_set_and_a_delete_replace_a_collection,
        Lines by a_text_may_be_empty_and_of_any_script,
        HoldsAll by texts_that_the_caller_cannot_hold_are_refused,
        AnySize by keys_and_texts_past_the_limits_are_refused,
        ListsWithoutValue by lists_and_sets_are_listed,
        Races by pushes_and_additions_from_32_tasks_are_all_there,
        Undeclared by pushed_items_are_in_order,
    }
}
