use bytes::Bytes;

/// Whatever the bytes are, they are a record of a journal or refused, and a record is the same after
/// it was written and read.
pub fn records(data: &[u8]) {
    let Ok(event) = keywell_journal::decode(&Bytes::copy_from_slice(data)) else {
        return;
    };
    let bytes = keywell_journal::encode(&event).expect("it is no larger than its input");
    assert_eq!(keywell_journal::decode(&bytes.into()), Ok(event));
}
