use proptest::prelude::*;

use super::*;

#[test]
fn authentication_requests_are_told_apart() {
    let decode = |body: &'static [u8]| Authentication::decode(body).expect("well formed");
    assert_eq!(decode(&[0, 0, 0, 0]), Authentication::Ok);
    assert_eq!(decode(&[0, 0, 0, 5, 1, 2, 3, 4]), Authentication::Md5Password { salt: [1, 2, 3, 4] });
    assert_eq!(
        decode(b"\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"),
        Authentication::Sasl { mechanisms: vec![b"SCRAM-SHA-256-PLUS", b"SCRAM-SHA-256"] }
    );
    assert_eq!(decode(&[0, 0, 0, 7]), Authentication::Other { code: 7 });
}

#[test]
fn cut_bodies_are_refused() {
    for body in [&b""[..], &[0, 0, 0], &[0, 0, 0, 5, 1], b"\0\0\0\x0aSCRAM", b"\0\0\0\x0aSCRAM\0"] {
        assert!(matches!(Authentication::decode(body), Err(Error::Protocol { .. })), "{body:?}");
    }
}

#[test]
fn rows_keep_nulls_apart_from_empty_texts() {
    let body = [0, 3, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 1, b'x'];
    let row = decode_data_row(&body, 3).expect("well formed");
    assert_eq!(row, [None, Some(Box::from(&b""[..])), Some(Box::from(&b"x"[..]))]);
    assert!(decode_data_row(&body, 2).is_err());
    assert!(decode_data_row(&body[..14], 3).is_err());
    assert!(decode_data_row(&[0, 1, 0xFF, 0xFF, 0xFF, 0xFE], 1).is_err());
    assert!(decode_data_row(&[0, 1, 0x7F, 0xFF, 0xFF, 0xFF], 1).is_err());
}

#[test]
fn an_announced_count_alone_allocates_nothing() {
    assert!(decode_row_description(&[0xFF, 0xFF]).is_err());
    assert!(decode_data_row(&[0xFF, 0xFF], 0xFFFF).is_err());
}

#[test]
fn replication_messages_are_told_apart() {
    let mut body = vec![b'w'];
    body.extend_from_slice(&0x300_0000_u64.to_be_bytes());
    body.extend_from_slice(&0x300_0100_u64.to_be_bytes());
    body.extend_from_slice(&7_i64.to_be_bytes());
    body.extend_from_slice(b"wal");
    let expected =
        ReplicationData::Wal { start: Lsn::new(0x300_0000), server_end: Lsn::new(0x300_0100), sent_at: 7 };
    assert_eq!(&body[ReplicationData::WAL_HEADER_BYTES..], b"wal");
    assert_eq!(ReplicationData::decode(&body).expect("well formed"), expected);
    assert!(ReplicationData::decode(&body[..24]).is_err());
    assert!(ReplicationData::decode(b"x").is_err());
    assert!(ReplicationData::decode(b"").is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(body: Vec<u8>, columns in 0_usize..70_000) {
        let _ = Authentication::decode(&body);
        let _ = decode_row_description(&body);
        let _ = decode_data_row(&body, columns);
        let _ = ReplicationData::decode(&body);
        let _ = crate::ServerMessage::decode(&body);
    }

    #[test]
    fn any_row_is_read_back(values: Vec<Option<Vec<u8>>>) {
        let mut body = u16::try_from(values.len()).expect("few").to_be_bytes().to_vec();
        for value in &values {
            let length = value.as_ref().map_or(-1, |v| i32::try_from(v.len()).expect("short"));
            body.extend_from_slice(&length.to_be_bytes());
            body.extend_from_slice(value.as_deref().unwrap_or_default());
        }
        let row = decode_data_row(&body, values.len()).expect("well formed");
        let row: Vec<Option<Vec<u8>>> = row.into_iter().map(|v| v.map(Vec::from)).collect();
        prop_assert_eq!(row, values);
    }
}
