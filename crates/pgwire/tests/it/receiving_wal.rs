//! Real WAL of real servers, compared with the segments on their disks.

use std::fs;
use std::time::{Duration, Instant};

use pgwal::{Lsn, SegmentName, SegmentSize, TimelineId};
use pgwire::{
    Connection, Error, Host, ReplicationStream, Retry, SlotName, WalMessage, WalProgress, WalReservation,
};
use testkit::postgres::{Cluster, Installation, StopMode};
use testkit::process::wait_until;
use testkit::proxy::{Direction, Fault, Proxy};

use crate::servers::{by_tcp, code, connect, installation, replicate, soon, start};

fn slot(name: &str) -> SlotName {
    SlotName::parse(name).expect("valid")
}

/// Receives until `end` and returns all bytes.
fn receive_until(stream: &mut ReplicationStream, end: Lsn) -> Vec<u8> {
    let mut received = Vec::new();
    while stream.position() < end {
        match stream.receive(soon()).expect("streams") {
            WalMessage::Data { bytes, .. } => received.extend_from_slice(bytes),
            WalMessage::Keepalive { .. } => {}
            other @ (WalMessage::Idle | WalMessage::TimelineEnd { .. }) => panic!("{other:?}"),
        }
        let at = stream.position();
        stream.report(WalProgress { written: at, flushed: at, applied: Lsn::ZERO }).expect("reported");
    }
    received
}

fn lsn(cluster: &Cluster, sql: &str) -> Lsn {
    cluster.psql(sql).expect("answers").parse().expect("a position")
}

fn segment_start(position: Lsn, size: SegmentSize) -> Lsn {
    SegmentName::containing(TimelineId::FIRST, position, size).start()
}

/// What the segments in `pg_wal` hold from `start` on, as long as `length`.
fn on_disk(cluster: &Cluster, timeline: TimelineId, start: Lsn, length: usize, size: SegmentSize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut segment = SegmentName::containing(timeline, start, size);
    let skipped = start.bytes_since(segment.start()).expect("within");
    let wanted = length + usize::try_from(skipped).expect("small");
    while bytes.len() < wanted {
        let file = cluster.data_dir().join("pg_wal").join(segment.to_string());
        bytes.extend(fs::read(file).expect("the segment is there"));
        segment = segment.next().expect("not the end of the log");
    }
    bytes[wanted - length..wanted].to_vec()
}

#[test]
fn wal_arrives_as_it_is_on_disk_on_every_version_and_segment_size() {
    for (number, installation) in Installation::available().into_iter().enumerate() {
        let mib = if number % 2 == 0 { 1 } else { 16 };
        let size = SegmentSize::new(u64::from(mib) << 20).expect("valid");
        let cluster = Cluster::builder(&installation).wal_segment_mib(mib).start().expect("starts");
        let mut connection = replicate(&cluster);
        assert_eq!(connection.show("wal_segment_size").expect("shown"), size.to_string());
        let identity = connection.identify_system().expect("answers");
        assert_eq!((identity.timeline, identity.database.as_deref()), (TimelineId::FIRST, Some("postgres")));
        let control = cluster.psql("SELECT system_identifier FROM pg_control_system()").expect("answers");
        assert_eq!(identity.system_identifier.to_string(), control);
        let name = slot("backstop_test");
        let made =
            connection.create_temporary_physical_slot(&name, WalReservation::Immediately).expect("made");
        assert_eq!((made.name.as_str(), made.snapshot, made.output_plugin), ("backstop_test", None, None));
        let held = connection.slot_restart_position(&name).expect("answers").expect("reserved");
        cluster
            .psql("CREATE TABLE t AS SELECT i, md5(i::text) FROM generate_series(1, 50000) i; SELECT pg_switch_wal()")
            .expect("written");
        let end = lsn(&cluster, "SELECT pg_current_wal_flush_lsn()");
        let begin = segment_start(held, size);
        let mut stream = connection.start_replication(Some(&name), begin, TimelineId::FIRST).expect("starts");
        let received = receive_until(&mut stream, end);
        assert!(received.len() > 3 << 20);
        let expected = on_disk(&cluster, TimelineId::FIRST, begin, received.len(), size);
        assert!(received == expected, "PostgreSQL {}: other bytes than on disk", installation.major());
        let mut connection = stream.finish().expect("ends");
        connection.query("SELECT 1").expect("takes SQL again");
        drop(connection);
        wait_until("the slot's end", Duration::from_secs(10), || {
            cluster.psql("SELECT count(*) FROM pg_replication_slots").is_ok_and(|count| count == "0")
        })
        .expect("temporary");
    }
}

#[test]
fn received_segments_are_read_by_pg_waldump() {
    let cluster = start();
    let begin = lsn(&cluster, "SELECT pg_switch_wal()");
    let begin =
        segment_start(begin, SegmentSize::DEFAULT).checked_add(SegmentSize::DEFAULT.bytes()).expect("fits");
    cluster
        .psql("CREATE TABLE t (x int); INSERT INTO t VALUES (1); SELECT pg_switch_wal()")
        .expect("written");
    let end = lsn(&cluster, "SELECT pg_current_wal_lsn()");
    let mut stream = replicate(&cluster).start_replication(None, begin, TimelineId::FIRST).expect("starts");
    let end = SegmentName::before(TimelineId::FIRST, end, SegmentSize::DEFAULT).expect("written").end();
    let end = end.min(begin.checked_add(SegmentSize::DEFAULT.bytes()).expect("fits"));
    let received = receive_until(&mut stream, end);
    let segment = SegmentName::containing(TimelineId::FIRST, begin, SegmentSize::DEFAULT);
    let folder = tempfile::tempdir().expect("made");
    let size = usize::try_from(SegmentSize::DEFAULT.bytes()).expect("small");
    fs::write(folder.path().join(segment.to_string()), &received[..size]).expect("written");
    let mut waldump = installation().command("pg_waldump");
    waldump.arg("-p").arg(folder.path()).arg(segment.to_string());
    let printed = testkit::process::run(&mut waldump).expect("reads it");
    assert!(printed.contains("desc: INSERT") && printed.contains("desc: SWITCH"), "{printed}");
}

#[test]
fn reports_move_the_slot_and_nothing_else_does() {
    let cluster = start();
    let mut connection = replicate(&cluster);
    let name = slot("reporting");
    connection.create_temporary_physical_slot(&name, WalReservation::Immediately).expect("made");
    let begin = connection.slot_restart_position(&name).expect("answers").expect("reserved");
    let mut stream = connection.start_replication(Some(&name), begin, TimelineId::FIRST).expect("starts");
    let end = lsn(&cluster, "SELECT pg_current_wal_flush_lsn()");
    while stream.position() < end {
        stream.receive(soon()).expect("streams");
    }
    let held = "SELECT restart_lsn FROM pg_replication_slots";
    assert_eq!(lsn(&cluster, held), begin);
    let progress = WalProgress { written: end, flushed: end, applied: Lsn::ZERO };
    stream.report_and_ask(progress).expect("reported");
    let answered = |stream: &mut ReplicationStream| loop {
        match stream.receive(soon()).expect("streams") {
            WalMessage::Keepalive { server_end, .. } => break server_end,
            WalMessage::Data { .. } => {}
            other @ (WalMessage::Idle | WalMessage::TimelineEnd { .. }) => panic!("{other:?}"),
        }
    };
    assert!(answered(&mut stream) >= end);
    wait_until("the slot's move", Duration::from_secs(10), || lsn(&cluster, held) == end).expect("moves");
    let sql = "SELECT flush_lsn = '%', reply_time > now() - interval '1 minute' FROM pg_stat_replication";
    let sql = sql.replace('%', &end.to_string());
    wait_until("the report", Duration::from_secs(10), || cluster.psql(&sql).is_ok_and(|row| row == "t|t"))
        .expect("shown");
    assert_eq!(stream.receive(Instant::now()).expect("nothing comes"), WalMessage::Idle);
}

#[test]
fn a_timelines_end_names_the_next_and_its_history() {
    let mut cluster = start();
    cluster.psql("CREATE TABLE t (x int)").expect("written");
    cluster.stop(StopMode::Fast).expect("stops");
    // Without a standby: recovery ends at once and promotes.
    fs::write(cluster.data_dir().join("recovery.signal"), "").expect("written");
    cluster.set("restore_command", "false").expect("set");
    cluster.start().expect("starts");
    cluster.wait_for_promotion().expect("promotes");
    let second = TimelineId::new(2).expect("valid");
    let mut connection = replicate(&cluster);
    assert_eq!(connection.identify_system().expect("answers").timeline, second);
    let history = connection.timeline_history(second).expect("there");
    assert_eq!(history.file_name, "00000002.history");
    let on_disk = fs::read(cluster.data_dir().join("pg_wal/00000002.history")).expect("there");
    assert_eq!(history.content, on_disk);
    let text = String::from_utf8(on_disk).expect("text");
    let switch: Lsn = text.split_whitespace().nth(1).expect("position").parse().expect("a position");
    assert!(matches!(connection.timeline_history(TimelineId::new(9).expect("valid")), Err(Error::Server(_))));

    let begin = segment_start(switch, SegmentSize::DEFAULT);
    let mut stream = connection.start_replication(None, begin, TimelineId::FIRST).expect("starts");
    let mut received = 0;
    let end = loop {
        match stream.receive(soon()).expect("streams") {
            WalMessage::Data { bytes, .. } => received += bytes.len(),
            WalMessage::Keepalive { .. } => {}
            WalMessage::Idle => panic!("no end"),
            WalMessage::TimelineEnd { next, switch } => break (next, switch),
        }
    };
    assert_eq!(end, (second, switch));
    assert_eq!(begin.checked_add(received as u64), Some(switch));
    assert!(matches!(stream.receive(soon()), Ok(WalMessage::TimelineEnd { .. })));
    let connection = stream.finish().expect("usable");

    // Nothing is left on the first timeline: the server says so at once.
    let mut stream = connection.start_replication(None, switch, TimelineId::FIRST).expect("starts");
    let ended = WalMessage::TimelineEnd { next: second, switch };
    assert_eq!(stream.receive(soon()).expect("told"), ended);
    stream.finish().expect("usable").query("SELECT 1").expect("answers");
}

#[test]
fn what_cannot_be_streamed_is_refused_by_name() {
    let cluster = start();
    let stream_from = |start: Lsn| {
        let mut stream = replicate(&cluster).start_replication(None, start, TimelineId::FIRST)?;
        loop {
            if stream.receive(soon())? == WalMessage::Idle {
                break Ok::<(), Error>(());
            }
        }
    };
    let far = Lsn::new(0xFF_0000_0000);
    assert!(
        matches!(stream_from(far), Err(Error::Server(m)) if m.message.contains("ahead of the WAL flush position"))
    );
    assert_eq!(code(stream_from(Lsn::new(0x28))).as_str(), "58P01");
    let missing = replicate(&cluster).start_replication(Some(&slot("missing")), far, TimelineId::FIRST);
    assert_eq!(code(missing).as_str(), "42704");
    let mut connection = replicate(&cluster);
    let name = slot("twice");
    connection.create_temporary_physical_slot(&name, WalReservation::AtFirstUse).expect("made");
    assert_eq!(connection.slot_restart_position(&name).expect("answers"), None);
    connection.drop_slot(&name).expect("dropped");
    assert!(matches!(connection.slot_restart_position(&name), Err(Error::ResultShape { found: 0, .. })));
    assert_eq!(code(connection.drop_slot(&name)).as_str(), "42704");
}

#[test]
fn any_error_in_its_session_costs_a_temporary_slot() {
    let cluster = start();
    let mut connection = replicate(&cluster);
    let name = slot("twice");
    connection.create_temporary_physical_slot(&name, WalReservation::Immediately).expect("made");
    let again = connection.create_temporary_physical_slot(&name, WalReservation::Immediately);
    assert_eq!(code(again).as_str(), "42710");
    assert!(matches!(connection.slot_restart_position(&name), Err(Error::ResultShape { found: 0, .. })));
}

#[test]
fn a_server_killed_in_the_middle_is_noticed_at_once_and_one_that_shuts_down_too() {
    let mut cluster = start();
    let stream = |cluster: &Cluster| {
        let begin = lsn(cluster, "SELECT pg_current_wal_flush_lsn()");
        replicate(cluster).start_replication(None, begin, TimelineId::FIRST).expect("starts")
    };
    let drain = |mut stream: ReplicationStream| {
        std::thread::spawn(move || {
            let end = soon();
            loop {
                match stream.receive(end) {
                    Ok(WalMessage::Idle) => break None,
                    Ok(_) => {
                        let at = stream.position();
                        let progress = WalProgress { written: at, flushed: at, applied: at };
                        if let Err(error) = stream.report(progress) {
                            break Some(error);
                        }
                    }
                    Err(error) => break Some(error),
                }
            }
        })
    };
    let draining = drain(stream(&cluster));
    cluster.psql("CREATE TABLE t AS SELECT generate_series(1, 10000)").expect("written");
    let begin = Instant::now();
    cluster.kill9().expect("killed");
    let error = draining.join().expect("no panic").expect("an error");
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert!(matches!(error, Error::Closed { .. }), "{error:?}");
    assert_eq!(error.retry(), Retry::Later);

    cluster.start().expect("recovers");
    let draining = drain(stream(&cluster));
    cluster.stop(StopMode::Fast).expect("stops, for the stream does not hold it up");
    let error = draining.join().expect("no panic").expect("an error");
    // It may say that it shuts down before it hangs up.
    assert!(matches!(error, Error::Closed { .. } | Error::Server(_)), "{error:?}");
    assert_eq!(error.retry(), Retry::Later);
}

#[test]
fn a_stream_cut_in_the_middle_of_a_message_ends_and_a_stalled_one_waits() {
    let cluster = Cluster::builder(&installation())
        .hba("host replication all 127.0.0.1/32 trust")
        .start()
        .expect("starts");
    let begin = lsn(&cluster, "SELECT pg_current_wal_flush_lsn()");
    let proxy = Proxy::start(([127, 0, 0, 1], cluster.port()).into()).expect("starts");
    let mut options = by_tcp(&cluster, "postgres", "");
    options.host = Host::Tcp("127.0.0.1".to_owned());
    options.port = proxy.address().port();
    options.replication = pgwire::Replication::Physical;
    let open = |options| -> ReplicationStream {
        let connection: Connection = connect(options);
        connection.start_replication(None, begin, TimelineId::FIRST).expect("starts")
    };
    cluster.psql("CREATE TABLE t AS SELECT generate_series(1, 100000)").expect("written");
    let mut stream = open(&options);
    proxy.set(Direction::ToClient, Fault::Stall);
    let mut stalled = Instant::now();
    while stream.receive(Instant::now() + Duration::from_millis(50)).expect("waits") != WalMessage::Idle {
        stalled = Instant::now();
    }
    assert!(stalled.elapsed() < Duration::from_secs(2));
    proxy.set(Direction::ToClient, Fault::None);
    let end = lsn(&cluster, "SELECT pg_current_wal_flush_lsn()");
    receive_until(&mut stream, end);

    let mut stream = open(&options);
    proxy.set(Direction::ToClient, Fault::CutAfter(200_001));
    let error = loop {
        match stream.receive(soon()) {
            Ok(WalMessage::Idle) => panic!("neither data nor an end"),
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Closed { .. }), "{error:?}");
}

#[test]
fn a_stream_is_closed_from_another_thread() {
    let cluster = start();
    let begin = lsn(&cluster, "SELECT pg_current_wal_flush_lsn()");
    let mut stream = replicate(&cluster).start_replication(None, begin, TimelineId::FIRST).expect("starts");
    let close = stream.close_handle().expect("shared");
    let waiting = std::thread::spawn(move || {
        loop {
            match stream.receive(soon()) {
                Ok(WalMessage::Idle) => break None,
                Ok(_) => {}
                Err(error) => break Some(error),
            }
        }
    });
    close.close();
    let error = waiting.join().expect("no panic");
    assert!(matches!(error, Some(Error::Closed { .. })), "{error:?}");
}
