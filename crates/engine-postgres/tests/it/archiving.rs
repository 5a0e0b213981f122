//! A downloaded archive is unpacked by `tar` into a directory that starts, whatever it is called.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use blobstore::durable;
use engine_postgres::archive_of;
use repository::OpenSet;
use testkit::postgres::{Cluster, StopMode};
use testkit::process::{ServerUser, run};

use crate::harness::{
    RestoredServer, Store, builder, fingerprint, pgbench_init, pgbench_load, start, version_15, versions,
};

/// Downloads the set in pieces and unpacks it, as the user that servers run as.
fn unpack(set: &OpenSet, target: &Path) {
    let archive = archive_of(set).expect("an archive");
    let mut bytes = Vec::new();
    let piece = 7_000_001;
    for start in (0..archive.bytes()).step_by(piece) {
        archive.write(start..start + piece as u64, &mut bytes).expect("a piece");
    }
    assert_eq!(bytes.len() as u64, archive.bytes());
    let file = target.with_extension("tar");
    fs::write(&file, bytes).expect("a file");
    // As a user would make it: for all to read, until the archive's own mode is set.
    fs::create_dir(target).expect("a folder");
    if let Some(user) = ServerUser::find().expect("a user") {
        std::os::unix::fs::chown(target, Some(user.uid), Some(user.gid)).expect("root may do that");
    }
    let output =
        run(Command::new("tar").arg("-xf").arg(&file).arg("-C").arg(target)).expect("tar unpacks it");
    assert!(output.is_empty(), "{output}");
    durable::remove_file(&file).expect("removed");
}

fn place(cluster: &Cluster, name: &str) -> PathBuf {
    cluster.root_dir().join(name)
}

#[test]
fn an_archive_of_every_version_starts_and_holds_the_data_tablespaces_too() {
    for installation in versions() {
        let mut cluster = start(&builder(&installation).setting("wal_level", "logical"));
        let elsewhere = cluster.directory("space").expect("a folder");
        for sql in [
            format!("CREATE TABLESPACE space LOCATION '{}'", elsewhere.display()),
            "CREATE TABLE apart TABLESPACE space AS SELECT n, md5(n::text) FROM generate_series(1, 20000) n"
                .to_owned(),
            "CREATE DATABASE other TABLESPACE space".to_owned(),
        ] {
            cluster.psql(&sql).expect("the superuser may do that");
        }
        pgbench_init(&cluster, 1);
        let store = Store::new();
        let load = pgbench_load(&cluster);
        let (_, set) = store.back_up(&cluster, 1);
        drop(load);
        let before = cluster.psql(&fingerprint("apart")).expect("readable");
        cluster.stop(StopMode::Fast).expect("it stops");
        // Nothing of the source is needed.
        fs::remove_dir_all(&elsewhere).expect("removed");

        let target = place(&cluster, "unpacked");
        unpack(&set, &target);
        let major = installation.major();
        assert!(!target.join("tablespace_map").exists());
        assert_eq!(fs::metadata(&target).expect("there").mode() & 0o777, 0o700, "{major}");
        let server = RestoredServer::start(&installation, &target, &[]);
        assert_eq!(server.psql(&fingerprint("apart")).expect("readable"), before, "{major}");
        assert_eq!(server.psql("SELECT count(*) FROM pgbench_accounts").expect("readable"), "100000");
        assert_eq!(server.psql_in("other", "SELECT 1").expect("readable"), "1");
        server.psql("CREATE TABLE again TABLESPACE space AS SELECT 1").expect("writable");
        server.psql("DROP TABLE again, apart").expect("writable");
        assert_eq!(server.psql("SHOW archive_mode").expect("readable"), "off");
    }
}

#[test]
fn without_backup_label_or_the_last_member_nothing_starts() {
    let cluster = start(&builder(&version_15()));
    let store = Store::new();
    let (_, set) = store.back_up(&cluster, 1);
    let target = place(&cluster, "unpacked");
    unpack(&set, &target);
    durable::remove_file(&target.join("backup_label")).expect("removed");
    RestoredServer::start_fails(&version_15(), &target);

    let archive = archive_of(&set).expect("an archive");
    let mut bytes = Vec::new();
    // A download that broke off shortly before its end: pg_control has 8 KiB and comes last.
    archive.write(0..archive.bytes() - 2 * 512 - 9 * 1024, &mut bytes).expect("a piece");
    let (file, target) = (place(&cluster, "cut.tar"), place(&cluster, "cut"));
    fs::write(&file, bytes).expect("a file");
    fs::create_dir(&target).expect("a folder");
    let _ = Command::new("tar").arg("-xf").arg(&file).arg("-C").arg(&target).output().expect("tar runs");
    assert!(target.join("PG_VERSION").exists());
    let log = RestoredServer::start_fails(&version_15(), &target);
    assert!(log.contains("pg_control"), "{log}");
}

#[test]
fn settings_from_elsewhere_are_found_without_a_word_on_the_command_line() {
    let cluster = builder(&version_15()).create().expect("a cluster");
    let data = cluster.data_dir().to_owned();
    let etc = cluster.root_dir().join("etc");
    fs::create_dir_all(etc.join("conf.d")).expect("a folder");
    let main = fs::read_to_string(data.join("postgresql.conf")).expect("there");
    let text = format!(
        "{main}\ndata_directory = '{data}'\nhba_file = '{etc}/hba.conf'\nident_file = '{etc}/ident.conf'\n\
         include_dir 'conf.d'\ninclude '{etc}/more.conf'\nexternal_pid_file = '{etc}/pid'\n",
        data = data.display(),
        etc = etc.display()
    );
    let names = "local @names postgres trust\n".to_owned();
    let hba = names + &fs::read_to_string(data.join("pg_hba.conf")).expect("there");
    for (name, text) in [
        ("postgresql.conf", text.as_str()),
        ("hba.conf", &hba),
        ("ident.conf", "# nobody\n"),
        ("names", "postgres\n"),
        ("conf.d/a.conf", "work_mem = '7654kB'\n"),
        ("more.conf", "maintenance_work_mem = '17MB'\n"),
    ] {
        fs::write(etc.join(name), text).expect("a file");
    }
    for name in ["postgresql.conf", "pg_hba.conf", "pg_ident.conf"] {
        durable::remove_file(&data.join(name)).expect("removed");
    }
    if let Some(user) = ServerUser::find().expect("a user") {
        run(Command::new("chown").arg("-R").arg(format!("{}:{}", user.uid, user.gid)).arg(&etc))
            .expect("root may");
    }
    let config = format!("config_file={}", etc.join("postgresql.conf").display());
    let source = RestoredServer::start(&version_15(), &data, &["-c", &config]);
    for sql in crate::harness::grants(15) {
        source.psql(&sql).expect("the superuser may do that");
    }
    let store = Store::new();
    let (_, set) = store.back_up_by(&source.engine(), 1, &crate::harness::Control::default()).expect("a set");
    drop(source);
    let target = place(&cluster, "unpacked");
    unpack(&set, &target);
    fs::remove_dir_all(&etc).expect("removed");
    fs::remove_dir_all(&data).expect("removed");
    let server = RestoredServer::start(&version_15(), &target, &[]);
    for (setting, expect) in [
        ("work_mem", "7654kB".to_owned()),
        ("maintenance_work_mem", "17MB".to_owned()),
        ("data_directory", target.display().to_string()),
        ("hba_file", target.join("pg_hba.conf").display().to_string()),
        ("external_pid_file", String::new()),
    ] {
        assert_eq!(server.psql(&format!("SHOW {setting}")).expect("readable"), expect, "{setting}");
    }
    let rules = server.psql("SELECT database FROM pg_hba_file_rules WHERE error IS NULL LIMIT 1");
    assert_eq!(rules.expect("readable"), "{postgres}", "the list of names came with it");
}
