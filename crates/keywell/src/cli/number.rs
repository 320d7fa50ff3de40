use std::ops::RangeInclusive;

/// Reads a whole number of a range. What is none is refused with what would be allowed.
pub(super) fn whole<T: TryFrom<i128>>(
    range: RangeInclusive<i128>,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        let number = number.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            format!("write a whole number from {least} to {most}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_of_the_range_is_told_the_range() {
        let read = whole::<u32>(1..=1000);
        assert_eq!([read("1"), read("1000")], [Ok(1), Ok(1000)]);
        for wrong in [
            "",
            "0",
            "1001",
            "one",
            "1.5",
            "-1",
            "99999999999999999999999999999999999999999",
        ] {
            let expected = "write a whole number from 1 to 1000".to_owned();
            assert_eq!(read(wrong), Err(expected), "{wrong:?}");
        }
        assert_eq!(whole::<i64>(-5..=5)("-5"), Ok(-5));
    }
}
