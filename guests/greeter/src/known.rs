/// The person that all know: a value with one of every kind.
pub fn person() -> Person {
    let place = Place {
        x: -0.1,
        y: f32::MAX,
        floor: i8::MIN,
    };
    Person {
        name: "Zoë \u{1f431}".to_owned(),
        mood: Mood::Loud,
        marks: Marks::BOLD | Marks::NEW,
        home: Some(place),
        work: None,
        wishes: vec![
            Wish::Nothing,
            Wish::Text(String::new()),
            Wish::Many(vec![1, 0, u32::MAX]),
            Wish::Pair(('é', true)),
        ],
        numbers: (u8::MAX, u16::MAX, 0, u64::MAX, i16::MIN, -1, i64::MIN),
        photo: (0..=u8::MAX).collect(),
        known: Ok("of old".to_owned()),
        lost: Err(7),
        asked: Err(()),
    }
}
