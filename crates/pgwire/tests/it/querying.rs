//! SQL by the simple query protocol.

use std::ops::ControlFlow;
use std::time::Duration;

use pgwal::Lsn;
use pgwire::{Error, Replication, SqlState, TransactionStatus, quote_identifier, quote_literal};
use testkit::postgres::{Cluster, Installation};

use crate::servers::{by_socket, code, connect, installation, start};

#[test]
fn values_of_every_kind_arrive_on_every_version() {
    let installations = Installation::available();
    assert!(!installations.is_empty());
    for installation in installations {
        let cluster = Cluster::builder(&installation).start().expect("starts");
        let mut connection = connect(&by_socket(&cluster));
        assert_eq!(connection.server_version().major, installation.major());
        let set = connection
            .query_one_set(
                "SELECT 'é''x' AS t, 42 AS i, -1::bigint AS b, true AS yes, NULL AS n, '' AS e, 1.5::float8 AS f, \
                 '\\x00ff'::bytea AS r, '16/B374D848'::pg_lsn AS l",
            )
            .expect("answers");
        let row = set.one().expect("one row");
        assert_eq!(row.get::<String>("t").expect("text"), "é'x");
        assert_eq!(row.get::<u16>("i").expect("number"), 42);
        assert_eq!(row.get::<i64>("b").expect("number"), -1);
        assert!(matches!(row.get::<u64>("b"), Err(Error::ColumnFormat { .. })));
        assert!(row.get::<bool>("yes").expect("truth"));
        assert_eq!(row.get::<Option<String>>("n").expect("null"), None);
        assert_eq!(row.get::<Option<String>>("e").expect("empty").as_deref(), Some(""));
        assert_eq!(row.get::<f64>("f").expect("number").to_string(), "1.5");
        assert_eq!(row.get::<Vec<u8>>("r").expect("bytes"), [0, 255]);
        assert_eq!(row.get::<Lsn>("l").expect("position"), Lsn::new(0x16_B374_D848));
        assert_eq!(set.tag(), "SELECT 1");
    }
}

#[test]
fn each_statement_gives_a_set_and_an_error_leaves_the_connection_usable() {
    let cluster = start();
    let mut connection = connect(&by_socket(&cluster));
    let sets = connection.query("CREATE TABLE t (x int); SELECT * FROM t; ;").expect("answers");
    let tags: Vec<_> = sets.iter().map(|set| (set.tag(), set.columns().to_vec())).collect();
    assert_eq!(tags, [("CREATE TABLE", vec![]), ("SELECT 0", vec!["x".to_owned()])]);
    assert_eq!(connection.query("").expect("answers").len(), 1);
    let error = connection.query("SELECT 1; SELECT 1 / 0; SELECT 2").expect_err("divides by zero");
    let message = error.server_message().expect("the server's");
    assert_eq!((message.sqlstate.as_str(), message.message.as_str()), ("22012", "division by zero"));
    assert!(matches!(
        connection.query_one_set("SELECT 1; SELECT 2"),
        Err(Error::ResultShape { found: 2, .. })
    ));
    connection.query("BEGIN").expect("begins");
    assert_eq!(connection.transaction_status(), TransactionStatus::Open);
    assert_eq!(code(connection.query("SELECT no_such_column")).as_str(), "42703");
    assert_eq!(connection.transaction_status(), TransactionStatus::Failed);
    connection.query("ROLLBACK").expect("ends");
    assert_eq!(connection.transaction_status(), TransactionStatus::Idle);
}

#[test]
fn notices_are_kept_until_taken_and_bounded() {
    let cluster = start();
    let mut connection = connect(&by_socket(&cluster));
    connection.query("DO $$ BEGIN RAISE WARNING 'look' USING HINT = 'here'; END $$").expect("runs");
    let notices = connection.take_notices();
    assert_eq!((notices[0].message.as_str(), notices[0].hint.as_deref()), ("look", Some("here")));
    assert!(connection.take_notices().is_empty());
    let many = "DO $$ BEGIN FOR i IN 1..5000 LOOP RAISE NOTICE 'n %', i; END LOOP; END $$";
    connection.query(many).expect("runs");
    assert_eq!(connection.take_notices().len(), 100);
}

#[test]
fn quoted_texts_mean_themselves_under_both_settings_of_backslashes() {
    let cluster = start();
    let mut connection = connect(&by_socket(&cluster));
    let name = r#"Wei"rd \ näme"#;
    let texts = ["", "it's", r"\", r"\'", r"'; DROP TABLE t; --", "E'\\n'", "é\u{1F980}\t\n"];
    for setting in ["on", "off"] {
        connection.query(&format!("SET standard_conforming_strings = {setting}")).expect("set");
        for text in texts {
            let literal = quote_literal(text).expect("quotable");
            let column = quote_identifier(name).expect("quotable");
            let set = connection.query_one_set(&format!("SELECT{literal} AS {column}")).expect("answers");
            assert_eq!(
                set.one().expect("one").get::<String>(name).expect("text"),
                text,
                "{setting}: {text:?}"
            );
        }
    }
}

#[test]
fn large_results_are_refused_whole_and_read_row_by_row() {
    let cluster = start();
    let mut connection = connect(&by_socket(&cluster));
    let sql = "SELECT repeat('x', 1000000) AS x FROM generate_series(1, 100)";
    let mut bytes = 0;
    let outcome = connection.each_row(sql, Duration::from_secs(20), &mut |row| {
        bytes += row.bytes("x").expect("there").map_or(0, <[u8]>::len);
        ControlFlow::Continue(())
    });
    assert_eq!((outcome.expect("read"), bytes), ((), 100_000_000));
    let mut rows = 0;
    let outcome =
        connection.each_row("SELECT generate_series(1, 1000)", Duration::from_secs(20), &mut |_| {
            rows += 1;
            if rows == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    assert_eq!((outcome.expect("read"), rows), ((), 3));
    let failing = "SELECT 1 / (3 - i) FROM generate_series(1, 5) i";
    let outcome = connection.each_row(failing, Duration::from_secs(20), &mut |_| ControlFlow::Continue(()));
    assert_eq!(code(outcome).as_str(), "22012");
    assert!(matches!(connection.query(sql), Err(Error::ResultTooLarge { .. })));
    assert!(matches!(connection.query("SELECT 1"), Err(Error::Broken)));
}

#[test]
fn settings_are_shown_and_passed_at_the_start() {
    let cluster = start();
    let mut options = by_socket(&cluster);
    options.options = vec![("work_mem".to_owned(), "7MB".to_owned())];
    options.application_name = "a name".to_owned();
    for replication in [Replication::No, Replication::Database, Replication::Physical] {
        options.replication = replication;
        let mut connection = connect(&options);
        assert_eq!(connection.show("work_mem").expect("shown"), "7MB");
        assert_eq!(connection.show("application_name").expect("shown"), "a name");
        assert_eq!(code(connection.show("no_such_setting")).as_str(), "42704");
        assert_eq!(connection.parameter("client_encoding"), Some("UTF8"));
    }
}

#[test]
fn lifted_timeouts_end_nothing() {
    for installation in Installation::available() {
        let mut builder = Cluster::builder(&installation)
            .setting("statement_timeout", "1h")
            .setting("lock_timeout", "1h")
            .setting("idle_in_transaction_session_timeout", "1h");
        let mut settings = vec!["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"];
        settings.push("idle_session_timeout");
        builder = builder.setting("idle_session_timeout", "1h");
        if installation.major() >= 17 {
            settings.push("transaction_timeout");
            builder = builder.setting("transaction_timeout", "1h");
        }
        let cluster = builder.start().expect("starts");
        let mut options = by_socket(&cluster);
        options.replication = Replication::Database;
        let mut connection = connect(&options);
        assert_eq!(connection.show("idle_session_timeout").expect("shown"), "1h");
        connection.lift_timeouts().expect("lifted");
        for setting in settings {
            assert_eq!(connection.show(setting).expect("shown"), "0", "{setting}");
        }
    }
}

#[test]
fn bytes_that_are_no_text_are_an_error_of_their_column_only() {
    let cluster = Cluster::builder(&installation()).encoding("SQL_ASCII").start().expect("starts");
    let mut options = by_socket(&cluster);
    let sql = "SELECT E'\\xff' AS x, 1 AS y";
    assert_eq!(code(connect(&options).query(sql)).as_str(), "22021");
    options.options = vec![("client_encoding".to_owned(), "SQL_ASCII".to_owned())];
    let set = connect(&options).query_one_set(sql).expect("answers");
    let row = set.one().expect("one");
    assert!(matches!(row.get::<String>("x"), Err(Error::ColumnFormat { .. })));
    assert_eq!(row.bytes("x").expect("there"), Some(&[0xFF][..]));
    assert_eq!(row.get::<i32>("y").expect("number"), 1);
}

#[test]
fn a_session_ends_with_its_connection() {
    let cluster = start();
    let connection = connect(&by_socket(&cluster));
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE pid = {}",
        connection.process_id().expect("told")
    );
    assert_eq!(cluster.psql(&sql).expect("answers"), "1");
    drop(connection);
    testkit::process::wait_until("the session's end", Duration::from_secs(10), || {
        cluster.psql(&sql).is_ok_and(|count| count == "0")
    })
    .expect("ends");
    assert!(!cluster.log().expect("logs").contains("unexpected EOF"), "dropped without a goodbye");
    assert_eq!(SqlState::parse("57014"), Some(SqlState::QUERY_CANCELED));
}
