//! Whatever a server sends, the client ends with an error or a result: no panic, no hang, no memory without bound.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use pgwire::{ConnectOptions, Connection, Error, Host, Password, Replication, SlotName, SslMode};
use proptest::prelude::*;

/// Sends the bytes to the first connection, takes what the client says, and hangs up.
fn serve(bytes: Vec<u8>) -> ConnectOptions {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        // The client may hang up first, which is its right.
        let _ = stream.write_all(&bytes).and_then(|()| stream.shutdown(Shutdown::Write));
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let mut options = ConnectOptions::new(Host::Tcp("127.0.0.1".to_owned()), port, "u");
    options.password = Some(Password::new("p"));
    options.ssl_mode = SslMode::Disable;
    options.connect_timeout = Duration::from_secs(20);
    options.response_timeout = Duration::from_secs(20);
    options
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    bytes.extend_from_slice(&u32::try_from(body.len() + 4).expect("short").to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// What an honest server says until it is ready.
fn greeting() -> Vec<u8> {
    let mut bytes = message(b'R', &[0; 4]);
    bytes.extend(message(b'S', b"server_version\x0015.4\0"));
    bytes.extend(message(b'K', &[0, 0, 0, 1, 0, 0, 0, 2]));
    bytes.extend(message(b'Z', b"I"));
    bytes
}

fn messages() -> impl Strategy<Value = Vec<u8>> {
    let tags = prop::sample::select(b"RKCWdcDIEvNASZTGHs12x".to_vec());
    let body = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        Just(b"I".to_vec()),
        Just(vec![0; 4]),
        Just(vec![0, 0, 0, 5, 1, 2, 3, 4]),
        Just(b"\0\0\0\x0aSCRAM-SHA-256\0\0".to_vec()),
        Just(b"\0\0\0\x0br=x,s=AAAA,i=4294967295".to_vec()),
        Just(b"SERROR\0C42501\0Mno\0\0".to_vec()),
        Just(b"\0\x01x\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec()),
        Just(b"\0\x01\0\0\0\x011".to_vec()),
    ];
    let message = (tags, body).prop_map(|(tag, body)| message(tag, &body));
    prop::collection::vec(message, 0..12).prop_map(|messages| messages.concat())
}

#[test]
fn an_honest_greeting_is_taken() {
    let connection = Connection::connect(&serve(greeting())).expect("connects");
    assert_eq!((connection.server_version().major, connection.process_id()), (15, Some(1)));
}

#[test]
fn a_server_without_proof_of_the_password_is_refused() {
    // It skips the SCRAM exchange's end, as one that does not know the password must.
    let mut bytes = message(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0");
    bytes.extend(greeting());
    let outcome = Connection::connect(&serve(bytes));
    assert!(matches!(outcome, Err(Error::Protocol { .. })), "{outcome:?}");
}

/// Reads one message of the client; the startup has no tag.
fn hear(stream: &mut TcpStream, tag_bytes: usize) -> Vec<u8> {
    let mut head = vec![0; tag_bytes + 4];
    stream.read_exact(&mut head).expect("heard");
    let length = u32::from_be_bytes(*head.last_chunk().expect("four bytes"));
    let mut body = vec![0; usize::try_from(length).expect("small") - 4];
    stream.read_exact(&mut body).expect("heard");
    body
}

#[test]
fn a_server_with_a_false_proof_of_the_password_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mut options = ConnectOptions::new(Host::Tcp("127.0.0.1".to_owned()), 1, "u");
    options.port = listener.local_addr().expect("bound").port();
    options.password = Some(Password::new("p"));
    options.ssl_mode = SslMode::Disable;
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        hear(&mut stream, 0);
        stream.write_all(&message(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0")).expect("said");
        let first = String::from_utf8_lossy(&hear(&mut stream, 1)).into_owned();
        let nonce = first.split("r=").nth(1).expect("a nonce");
        let challenge = format!("\0\0\0\x0br={nonce}more,s=c2FsdA==,i=4096");
        stream.write_all(&message(b'R', challenge.as_bytes())).expect("said");
        hear(&mut stream, 1);
        let proof = format!("\0\0\0\x0cv={}=", "A".repeat(43));
        let bytes = [message(b'R', proof.as_bytes()), greeting()].concat();
        stream.write_all(&bytes).expect("said");
        // Until the client hangs up.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let outcome = Connection::connect(&options);
    assert!(matches!(outcome, Err(Error::Scram(_))), "{outcome:?}");
    server.join().expect("no panic");
}

#[test]
fn plain_text_behind_the_answer_to_the_request_for_tls_is_not_taken() {
    // CVE-2021-23222: someone in between answers and adds what the client shall take for the encrypted server's.
    let mut options = serve([b"S".to_vec(), greeting()].concat());
    options.ssl_mode = SslMode::Require;
    let outcome = Connection::connect(&options);
    assert!(matches!(outcome, Err(Error::Tls { .. })), "{outcome:?}");
    for answer in [b"E", b"X"] {
        let mut options = serve([answer.to_vec(), greeting()].concat());
        options.ssl_mode = SslMode::Prefer;
        let outcome = Connection::connect(&options);
        assert!(matches!(outcome, Err(Error::Protocol { .. })), "{outcome:?}");
    }
}

#[test]
fn a_server_without_end_is_left_at_the_bound() {
    let mut bytes = greeting();
    bytes.extend(message(b'T', b"\0\x01x\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
    let row = [&b"\0\x01\0\x10\0\0"[..], &vec![b'x'; 1 << 20]].concat();
    for _ in 0..70 {
        bytes.extend(message(b'D', &row));
    }
    let mut connection = Connection::connect(&serve(bytes)).expect("connects");
    assert!(matches!(connection.query("SELECT"), Err(Error::ResultTooLarge { .. })));
}

#[test]
fn wal_that_leaves_a_gap_is_refused() {
    let wal = |start: u64, bytes: &[u8]| {
        let mut body = vec![b'w'];
        body.extend_from_slice(&start.to_be_bytes());
        body.extend_from_slice(&[0; 16]);
        body.extend_from_slice(bytes);
        message(b'd', &body)
    };
    let mut bytes = greeting();
    bytes.extend(message(b'W', &[0, 0, 0]));
    bytes.extend(wal(0x100, b"abc"));
    bytes.extend(wal(0x104, b"def"));
    let mut options = serve(bytes);
    options.replication = Replication::Physical;
    let connection = Connection::connect(&options).expect("connects");
    let slot = SlotName::parse("slot").expect("valid");
    let mut stream = connection
        .start_replication(Some(&slot), pgwal::Lsn::new(0x100), pgwal::TimelineId::FIRST)
        .expect("starts");
    let soon = crate::servers::soon();
    assert!(matches!(stream.receive(soon), Ok(pgwire::WalMessage::Data { bytes: b"abc", .. })));
    assert!(matches!(stream.receive(soon), Err(Error::Protocol { .. })));
    assert!(matches!(stream.receive(soon), Err(Error::Broken)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_at_the_start_do_harm(bytes in prop_oneof![prop::collection::vec(any::<u8>(), 0..200), messages()]) {
        let _ = Connection::connect(&serve(bytes));
    }

    #[test]
    fn no_answer_to_a_query_does_harm(bytes in messages()) {
        let mut connection = Connection::connect(&serve([greeting(), bytes].concat())).expect("connects");
        let _ = connection.query("SELECT 1");
        let _ = connection.identify_system();
    }

    #[test]
    fn no_stream_of_wal_does_harm(bytes in messages()) {
        let honest = [greeting(), message(b'W', &[0, 0, 0])].concat();
        let connection = Connection::connect(&serve([honest, bytes].concat())).expect("connects");
        let mut stream = connection
            .start_replication(None, pgwal::Lsn::new(0), pgwal::TimelineId::FIRST)
            .expect("starts");
        let soon = crate::servers::soon();
        for _ in 0..20 {
            let _ = stream.receive(soon);
        }
        let _ = stream.finish();
    }
}
