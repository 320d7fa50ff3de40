use keywell_store::{Error, Invalid, counter};

/// A value is a counter exactly if it is the decimal text of one, and adding is exact or refused.
///
/// The first eight bytes are what is added; the rest is the value.
pub fn counters(data: &[u8]) {
    let Some((delta, value)) = data.split_first_chunk() else {
        return;
    };
    let delta = i64::from_le_bytes(*delta);
    let text = std::str::from_utf8(value).ok();
    let canonical = text
        .and_then(|text| text.parse::<i64>().ok())
        .filter(|number| Some(&*number.to_string()) == text);
    let expected = canonical.ok_or(Invalid::NotANumber);
    assert_eq!(blamed(counter::number(value)), expected);
    if let Some(number) = canonical {
        assert_eq!(counter::text(number), value);
    }
    let sum = expected.and_then(|number| number.checked_add(delta).ok_or(Invalid::Overflow));
    assert_eq!(blamed(counter::add(Some(value), delta)), sum);
    assert_eq!(blamed(counter::add(None, delta)), Ok(delta));
}

fn blamed(answered: Result<i64, Error>) -> Result<i64, Invalid> {
    answered.map_err(|error| match error {
        Error::Invalid(invalid) => invalid,
        other => panic!("the caller is not blamed: {other}"),
    })
}
