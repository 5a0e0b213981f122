//! Each fault of the proxy, seen from a client of an echo.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use testkit::proxy::{Direction, Fault, Proxy};

/// Answers each connection with what it says, until the test process ends.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
        }
    });
    address
}

fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(proxy.address()).expect("connects");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
    stream
}

fn ask(stream: &mut TcpStream, text: &[u8]) -> Vec<u8> {
    stream.write_all(text).expect("sent");
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer).expect("answered");
    answer
}

#[test]
fn bytes_pass_until_a_fault_is_set() {
    let proxy = Proxy::start(echo()).expect("starts");
    let mut stream = connect(&proxy);
    assert_eq!(ask(&mut stream, b"hello"), b"hello");
    proxy.set(Direction::ToClient, Fault::FlipAfter(1));
    assert_eq!(ask(&mut stream, b"hello"), [b'h', !b'e', b'l', b'l', b'o']);
    assert_eq!(ask(&mut stream, b"hello"), b"hello");
}

#[test]
fn a_cut_ends_both_ways_at_its_byte() {
    let proxy = Proxy::start(echo()).expect("starts");
    let mut stream = connect(&proxy);
    proxy.set(Direction::ToClient, Fault::CutAfter(3));
    stream.write_all(b"hello").expect("sent");
    let mut answer = Vec::new();
    // A cut may show as an end or as a reset.
    let _ = stream.read_to_end(&mut answer);
    assert_eq!(answer, b"hel");
    proxy.set(Direction::ToClient, Fault::None);
    let mut stream = connect(&proxy);
    assert_eq!(ask(&mut stream, b"again"), b"again");
    proxy.cut();
    assert!(matches!(stream.read(&mut [0]), Ok(0) | Err(_)));
}

#[test]
fn a_half_close_leaves_the_other_way_open() {
    let proxy = Proxy::start(echo()).expect("starts");
    let mut stream = connect(&proxy);
    proxy.set(Direction::ToClient, Fault::HalfCloseAfter(2));
    stream.write_all(b"hello").expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an end, not a reset");
    assert_eq!(answer, b"he");
    stream.write_all(b"still").expect("the other way is open");
}

#[test]
fn a_stall_lasts_until_it_is_lifted_and_a_delay_as_long_as_it_says() {
    let proxy = Proxy::start(echo()).expect("starts");
    let mut stream = connect(&proxy);
    proxy.set(Direction::ToServer, Fault::Stall);
    stream.write_all(b"x").expect("sent");
    stream.set_read_timeout(Some(Duration::from_millis(50))).expect("set");
    assert_eq!(stream.read(&mut [0]).expect_err("stalled").kind(), ErrorKind::WouldBlock);
    proxy.set(Direction::ToServer, Fault::None);
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
    stream.read_exact(&mut [0]).expect("goes on");
    proxy.set(Direction::ToServer, Fault::Delay(Duration::from_millis(60)));
    let start = Instant::now();
    ask(&mut stream, b"y");
    assert!(start.elapsed() >= Duration::from_millis(60));
}
