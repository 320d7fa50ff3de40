use std::sync::Arc;

use bytes::Bytes;
use keywell_store::{Answer, Bucket as _, BucketName, Result as Stored};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lower, Resource, WasmStr};
use wasmtime_wasi_io::poll::{DynPollable, subscribe};

use crate::cache::find::{Found, Search};
use crate::cache::held::Answered;
use crate::cache::pending::{Arrival, Pending};
use crate::cache::place::Place;
use crate::cache::room::Room;
use crate::cache::tasks::Tasks;
use crate::cache::vacancies::{Component, Vacancies};
use crate::cache::vacancy::{Vacancy, how};
use crate::calls::fits;
use crate::interface::Interface;
use crate::keyvalue::{Keyvalue, KeyvalueView};
use crate::opened::Opened;
use crate::values::{
    ErrorHandle, IncomingHandle, IncomingValue, OutgoingHandle, OutgoingValue, Trace,
};

/// What the component calls the bucket of its cache.
const BUCKET: &str = "cache";

/// A key that a call is for, and its bucket.
type Asked = (Arc<Opened>, String);

/// What `set` is given beside the key.
struct Given {
    /// The value, or why there is none.
    value: Result<Bytes, Trace>,
    ttl: Option<u32>,
}

type Future<A> = Resource<Pending<A>>;

/// A future's answer for the guest.
type Taken<R> = Option<Result<R, Resource<ErrorHandle>>>;

/// Links `cache`.
pub(crate) fn link<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    future::<T, Option<IncomingValue>>(interface, "future-get-result")?;
    future::<T, bool>(interface, "future-exists-result")?;
    future::<T, ()>(interface, "future-result")?;
    future::<T, Found>(interface, "future-get-or-set-result")?;
    interface.get(
        "[method]future-get-result.future-get-result-get",
        |store, (future,): (Future<Option<IncomingValue>>,)| {
            take(store, &future, |keyvalue, value| {
                value.map(|value| keyvalue.keep_incoming(value)).transpose()
            })
        },
    )?;
    interface.get(
        "[method]future-exists-result.future-exists-result-get",
        |store, (future,): (Future<bool>,)| take(store, &future, |_, exists| Ok(exists)),
    )?;
    interface.get(
        "[method]future-result.future-result-get",
        |store, (future,): (Future<()>,)| take(store, &future, |_, ()| Ok(())),
    )?;
    interface.get(
        "[method]future-get-or-set-result.future-get-or-set-result-get",
        |store, (future,): (Future<Found>,)| take(store, &future, entry),
    )?;
    interface.resource::<Vacancy>("vacancy", |data, rep| {
        data.keyvalue_mut().cache_mut().drop_vacancy(rep);
    })?;
    interface.get("[method]vacancy.vacancy-fill", fill)?;
    interface.call("get", open, get)?;
    interface.call("exists", open, exists)?;
    interface.call("set", open_to_set, set)?;
    interface.call("get-or-set", open, get_or_set)?;
    interface.call("delete", open, delete)
}

/// The variant `get-or-set-entry`.
#[derive(ComponentType, Lower)]
#[component(variant)]
enum Entry {
    #[component(name = "occupied")]
    Occupied(Resource<IncomingHandle>),
    #[component(name = "vacant")]
    Vacant(Resource<Vacancy>),
}

/// Links a resource whose answer is awaited by a pollable.
fn future<T: KeyvalueView, A: Answered>(
    interface: &mut Interface<'_, T>,
    name: &str,
) -> wasmtime::Result<()> {
    interface.resource::<Pending<A>>(name, |data, rep| {
        data.keyvalue_mut().cache_mut().drop_future::<A>(rep);
    })?;
    interface.get(&format!("[method]{name}.listen-to-{name}"), listen::<T, A>)
}

fn listen<T: KeyvalueView, A: Answered>(
    store: &mut StoreContextMut<'_, T>,
    (future,): (Future<A>,),
) -> wasmtime::Result<Resource<DynPollable>> {
    let future = store
        .data_mut()
        .keyvalue_mut()
        .cache_mut()
        .future(&future)?;
    // There is no room for this one, and its answer is that.
    let arrival = future.map_or_else(Arrival::default, |future| future.arrival());
    let table = store.data_mut().table();
    let table = table.ok_or_else(|| wasmtime::format_err!("this host has no wasi:io/poll"))?;
    let arrival = table.push(arrival)?;
    subscribe(table, arrival)
}

fn take<T: KeyvalueView, A: Answered, R>(
    store: &mut StoreContextMut<'_, T>,
    future: &Future<A>,
    change: fn(&mut Keyvalue, A) -> Result<R, Trace>,
) -> wasmtime::Result<Taken<R>> {
    let keyvalue = store.data_mut().keyvalue_mut();
    let answer = match keyvalue.cache_mut().future(future)? {
        Some(future) => future.take(),
        None => Some(Err(keyvalue.no_room())),
    };
    let answer = answer.map(|answer| answer.and_then(|answer| change(keyvalue, answer)));
    Ok(answer.map(|answer| answer.map_err(|trace| keyvalue.add_trace(trace))))
}

fn entry(keyvalue: &mut Keyvalue, found: Found) -> Result<Entry, Trace> {
    match found {
        Found::Occupied(value) => keyvalue.keep_incoming(value).map(Entry::Occupied),
        Found::Vacant(_) if !keyvalue.has_room() => Err(keyvalue.no_room()),
        Found::Vacant(vacancy) => Ok(Entry::Vacant(keyvalue.cache_mut().add_vacancy(vacancy))),
    }
}

fn fill<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (vacancy, ttl): (Resource<Vacancy>, Option<u32>),
) -> wasmtime::Result<Resource<OutgoingHandle>> {
    let keyvalue = store.data_mut().keyvalue_mut();
    let fill = keyvalue.cache_mut().vacancy(&vacancy)?.fill(ttl);
    Ok(keyvalue.new_filling(fill))
}

fn open<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (key,): (WasmStr,),
) -> wasmtime::Result<Answer<Asked>> {
    let key = key.to_str(&*store)?;
    if let Err(error) = fits(store, key.len()) {
        return Ok(error.into());
    }
    let key = key.into_owned();
    let opened = store.data().keyvalue().grants.open(BUCKET);
    // A reading waits for its turn before its bucket looks at the key.
    Ok(opened.and_then(|bucket| {
        bucket.limits().check_key(&key)?;
        Ok((bucket, key))
    }))
}

fn get<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    asked: Stored<Asked>,
) -> Future<Option<IncomingValue>> {
    begin(store, asked, |tasks, (bucket, key), mut room| {
        tasks.read(async move { room.get(&bucket, &key).await })
    })
}

fn exists<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    asked: Stored<Asked>,
) -> Future<bool> {
    begin(store, asked, |tasks, (bucket, key), _| {
        tasks.read(async move { Ok(bucket.exists(&key).await?) })
    })
}

fn delete<T: KeyvalueView>(store: &mut StoreContextMut<'_, T>, asked: Stored<Asked>) -> Future<()> {
    begin(store, asked, |tasks, (bucket, key), _| {
        tasks.write(async move { Ok(bucket.delete(&key).await?) })
    })
}

fn get_or_set<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    asked: Stored<Asked>,
) -> Future<Found> {
    let grants = store.data().keyvalue().grants.clone();
    let name = BucketName::parse(BUCKET).ok();
    let granted = name.and_then(|name| Some((grants.origin(&name)?, grants.is_writable(&name))));
    begin(store, asked, |tasks, (bucket, key), room| match granted {
        Some((origin, may_fill)) => {
            let place = Place::new(&origin, &key);
            let join = move || Vacancies::of_process().join(place, Component::of(&grants));
            let search = Search {
                bucket,
                key,
                may_fill,
            };
            tasks.read(search.run(join, room))
        }
        // It was opened.
        None => Pending::ready(Err(Trace("the cache is not granted".into()))),
    })
}

fn open_to_set<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (key, value, ttl): (WasmStr, Resource<OutgoingHandle>, Option<u32>),
) -> wasmtime::Result<Answer<(Asked, Given)>> {
    let value = store.data().keyvalue().outgoing(&value)?;
    let value = value.and_then(OutgoingValue::bytes);
    let opened = open(store, (key,))?;
    Ok(opened.map(move |asked| (asked, Given { value, ttl })))
}

fn set<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    asked: Stored<(Asked, Given)>,
) -> Future<()> {
    begin(store, asked, |tasks, ((bucket, key), given), mut room| {
        tasks.write(async move {
            let value = given.value?;
            room.hold(value.len())?;
            bucket.set(&key, value, how(&bucket, given.ttl)?).await?;
            drop(room);
            Ok(())
        })
    })
}

/// Begins a call, and answers its future.
fn begin<T: KeyvalueView, Q, A: Answered>(
    store: &mut StoreContextMut<'_, T>,
    asked: Stored<Q>,
    call: impl FnOnce(&mut Tasks, Q, Room) -> Pending<A>,
) -> Future<A> {
    let keyvalue = store.data_mut().keyvalue_mut();
    if !keyvalue.has_room() {
        return keyvalue.cache_mut().add(None);
    }
    let asked = asked.map_err(Trace::from);
    let held = asked.map(|asked| (asked, keyvalue.budget_mut().hold_nothing()));
    let max = keyvalue.budget().remaining();
    let cache = keyvalue.cache_mut();
    let future = match held {
        Ok((asked, charge)) => {
            let room = Room::new(max, charge, cache.reads.clone());
            call(&mut cache.tasks, asked, room)
        }
        Err(trace) => Pending::ready(Err(trace)),
    };
    cache.add(Some(future))
}
