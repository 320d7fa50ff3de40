use wasmtime::component::Val;

/// How many bytes the host holds for values.
pub(crate) fn of(values: &[Val]) -> usize {
    values.iter().map(weight).sum()
}

fn weight(value: &Val) -> usize {
    size_of::<Val>() + behind(value)
}

/// What a value points to.
fn behind(value: &Val) -> usize {
    let boxed = |value: &Option<Box<Val>>| value.as_deref().map_or(0, weight);
    match value {
        Val::String(text) | Val::Enum(text) => text.len(),
        Val::List(values) | Val::Tuple(values) | Val::FixedLengthList(values) => of(values),
        Val::Record(fields) => fields
            .iter()
            .map(|(name, value)| size_of::<String>() + name.len() + weight(value))
            .sum(),
        Val::Map(entries) => entries
            .iter()
            .map(|(key, value)| weight(key) + weight(value))
            .sum(),
        Val::Variant(case, value) => case.len() + boxed(value),
        Val::Option(value) | Val::Result(Ok(value) | Err(value)) => boxed(value),
        Val::Flags(flags) => flags
            .iter()
            .map(|flag| size_of::<String>() + flag.len())
            .sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_values_point_to_counts() {
        let value = size_of::<Val>();
        let bytes = Val::List(vec![Val::U8(0); 10]);
        assert_eq!(of(&[bytes]), 11 * value);
        let text = || Val::String("four".to_owned());
        let record = Val::Record(vec![("a".to_owned(), text())]);
        let text = Val::Option(Some(Box::new(text())));
        let expected = 4 * value + 8 + 1 + size_of::<String>();
        assert_eq!(of(&[record, text]), expected);
    }
}
