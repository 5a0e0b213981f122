use std::os::unix::net::UnixStream;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::socket::deadline_after;

fn pair() -> (Wire, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("pair of sockets");
    (Wire::new(Stream::Plain(ours.into())), theirs)
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    bytes.extend_from_slice(&u32::try_from(body.len() + 4).expect("short").to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

#[test]
fn a_message_cut_by_a_deadline_is_finished_later() {
    let (mut wire, mut server) = pair();
    let bytes = message(b'd', b"hello");
    server.write_all(&bytes[..7]).expect("send");
    assert!(wire.poll(deadline_after(Duration::ZERO), "test").expect("no error").is_none());
    server.write_all(&bytes[7..]).expect("send");
    let head = wire.receive(deadline_after(Duration::from_secs(5)), "test").expect("whole");
    assert_eq!((head.tag, wire.body(&head)), (b'd', &b"hello"[..]));
}

#[test]
fn a_message_longer_than_the_buffer_arrives_whole_and_the_buffer_shrinks_again() {
    let (mut wire, mut server) = pair();
    let body: Vec<u8> = (0..BUFFER_BYTES * 3).map(|i| u8::try_from(i % 251).expect("small")).collect();
    let bytes = [message(b'D', &body), message(b'Z', b"I")].concat();
    let sender = std::thread::spawn(move || server.write_all(&bytes).map(|()| server));
    let deadline = deadline_after(Duration::from_secs(5));
    let head = wire.receive(deadline, "test").expect("whole");
    assert!(wire.body(&head) == body);
    assert_eq!(wire.receive(deadline, "test").expect("whole").tag, b'Z');
    drop(sender.join().expect("no panic").expect("sent"));
    assert!(matches!(wire.receive(deadline, "test"), Err(Error::Closed { .. })));
    assert_eq!(wire.buffer.len(), BUFFER_BYTES);
}

#[test]
fn an_announced_length_allocates_nothing_and_is_bounded() {
    let (mut wire, mut server) = pair();
    server.write_all(&[b'D', 3, 0xFF, 0xFF, 0xFF]).expect("send");
    assert!(wire.poll(deadline_after(Duration::ZERO), "test").expect("no error").is_none());
    assert_eq!(wire.buffer.len(), BUFFER_BYTES);
    let (mut wire, mut server) = pair();
    server.write_all(&[b'D', 0xFF, 0xFF, 0xFF, 0xFF]).expect("send");
    let outcome = wire.receive(deadline_after(Duration::from_secs(5)), "test");
    assert!(matches!(outcome, Err(Error::MessageTooLarge { bytes: 0xFFFF_FFFF })));
    let (mut wire, mut server) = pair();
    server.write_all(&[b'D', 0, 0, 0, 3]).expect("send");
    let outcome = wire.receive(deadline_after(Duration::from_secs(5)), "test");
    assert!(matches!(outcome, Err(Error::Protocol { .. })));
}

#[test]
fn a_server_that_does_not_read_ends_a_send_by_its_deadline() {
    let (mut wire, _server) = pair();
    let outcome = wire.send(&vec![0; 16 << 20], deadline_after(Duration::from_millis(50)));
    assert!(matches!(outcome, Err(Error::Timeout { .. })));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let (mut wire, mut server) = pair();
        server.write_all(&bytes).expect("send");
        drop(server);
        while let Ok(head) = wire.receive(deadline_after(Duration::from_secs(5)), "test") {
            let _ = wire.body(&head);
        }
    }

    #[test]
    fn messages_come_as_they_were_sent(bodies: Vec<Vec<u8>>) {
        let (mut wire, mut server) = pair();
        let bytes: Vec<u8> = bodies.iter().flat_map(|body| message(b'd', body)).collect();
        let sender = std::thread::spawn(move || server.write_all(&bytes));
        for body in &bodies {
            let head = wire.receive(deadline_after(Duration::from_secs(5)), "test").expect("whole");
            prop_assert_eq!(wire.body(&head), &body[..]);
        }
        sender.join().expect("no panic").expect("sent");
    }
}
