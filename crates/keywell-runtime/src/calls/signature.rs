//! What the types of functions say of whether one component can call another.

use wasmtime::component::Type;
use wasmtime::component::types::ComponentFunc;

/// Why an import cannot be answered by an export of the same name, if it cannot.
pub(super) fn difference(import: &ComponentFunc, export: &ComponentFunc) -> Option<String> {
    if import.async_() || export.async_() {
        return Some("is asynchronous".to_owned());
    }
    let types = import.params().map(|(_, kind)| kind);
    if let Some(what) = held_in(types.chain(import.results())) {
        return Some(format!("passes {what}, which stays with its component"));
    }
    if import.params().len() != export.params().len() {
        let numbers = [import, export].map(|function| function.params().len());
        return Some(format!("has {} parameters, not {}", numbers[1], numbers[0]));
    }
    for ((name, kind), (other, other_kind)) in import.params().zip(export.params()) {
        if name != other {
            return Some(format!("has a parameter {other} in place of {name}"));
        }
        if kind != other_kind {
            return Some(format!("has another type of the parameter {name}"));
        }
    }
    let is_same = import.results().eq(export.results());
    (!is_same).then(|| "has another type of result".to_owned())
}

/// What there is in a type that cannot be passed as a value.
fn held(kind: &Type) -> Option<&'static str> {
    match kind {
        Type::Own(_) | Type::Borrow(_) => Some("a resource"),
        Type::Stream(_) => Some("a stream"),
        Type::Future(_) => Some("a future"),
        Type::ErrorContext => Some("an error context"),
        Type::List(list) => held(&list.ty()),
        Type::FixedLengthList(list) => held(&list.ty()),
        Type::Map(map) => held(&map.key()).or_else(|| held(&map.value())),
        Type::Option(option) => held(&option.ty()),
        Type::Record(record) => held_in(record.fields().map(|field| field.ty)),
        Type::Tuple(tuple) => held_in(tuple.types()),
        Type::Variant(variant) => held_in(variant.cases().filter_map(|case| case.ty)),
        Type::Result(result) => held_in(result.ok().into_iter().chain(result.err())),
        _ => None,
    }
}

/// What there is in types that cannot be passed as a value.
pub(crate) fn held_in(mut kinds: impl Iterator<Item = Type>) -> Option<&'static str> {
    kinds.find_map(|kind| held(&kind))
}
