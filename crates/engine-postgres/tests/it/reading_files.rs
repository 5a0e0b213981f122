//! Pages and `pg_control` as real servers write them.

use std::collections::BTreeMap;
use std::fs;

use engine::{EntryKind, Source};
use engine_postgres::{
    ControlFile, DataDirectory, DataDirectoryOptions, Exclusion, PageState, RelationFile, page_state,
};
use testkit::postgres::StopMode;
use testkit::process::run;

use crate::harness::{builder, pgbench_init, versions};

#[test]
fn every_page_of_a_real_cluster_fits_its_checksum() {
    for installation in versions() {
        let mut cluster = builder(&installation).start().expect("the cluster starts");
        pgbench_init(&cluster, 1);
        cluster.psql("VACUUM").expect("vacuum");
        cluster.stop(StopMode::Fast).expect("stops");
        let source = DataDirectory::open(DataDirectoryOptions {
            root: cluster.data_dir().to_owned(),
            tablespace_folder: String::new(),
            exclusion: Exclusion::default(),
            settings_files: Vec::new(),
        })
        .expect("the directory is there");
        let (mut valid, mut zero) = (0, 0);
        for entry in source.entries().map(|entry| entry.expect("entry")) {
            let path = entry.path.to_string();
            let name = path.rsplit('/').next().expect("a name");
            let is_file = matches!(entry.kind, EntryKind::File { .. });
            let is_relation = is_file && (path.starts_with("data/base/") || path.starts_with("data/global/"));
            let Some(file) = RelationFile::parse(name.as_bytes()).filter(|_| is_relation) else { continue };
            let bytes = fs::read(cluster.data_dir().join(&path["data/".len()..])).expect("readable");
            for (block, page) in (0_u32..).zip(bytes.chunks(8192)) {
                let number = file.first_block(131_072) + block;
                match page_state(page, number) {
                    PageState::Valid => valid += 1,
                    PageState::Zero => zero += 1,
                    PageState::Mismatch { .. } => panic!("{} block {block} of {path}", installation.major()),
                }
                let moved = page_state(page, number + 1);
                assert!(
                    matches!(moved, PageState::Mismatch { .. } | PageState::Zero),
                    "block {block} of {path}"
                );
            }
        }
        assert!(valid > 2_000 && zero < valid, "{}: {valid} valid, {zero} zero", installation.major());
    }
}

#[test]
fn pg_control_is_read_as_pg_controldata_reads_it() {
    for installation in versions() {
        let mut cluster = builder(&installation).start().expect("the cluster starts");
        cluster.stop(StopMode::Fast).expect("stops");
        let printed = run(cluster.server_command("pg_controldata").expect("user").arg(cluster.data_dir()));
        let printed = printed.expect("pg_controldata runs");
        let told: BTreeMap<&str, &str> =
            printed.lines().filter_map(|line| line.split_once(':')).map(|(k, v)| (k, v.trim())).collect();
        let bytes = fs::read(cluster.data_dir().join("global/pg_control")).expect("readable");
        let control = ControlFile::decode(&bytes).expect("a known version");
        let read = [
            ("Database system identifier", control.system_identifier().to_string()),
            ("pg_control version number", control.control_version().to_string()),
            ("Catalog version number", control.catalog_version().to_string()),
            ("Latest checkpoint location", control.checkpoint().to_string()),
            ("Latest checkpoint's REDO location", control.redo().to_string()),
            ("Latest checkpoint's TimeLineID", control.timeline().to_string()),
            ("Minimum recovery ending location", control.minimum_recovery().to_string()),
            ("Database block size", control.block_bytes().to_string()),
            ("Blocks per segment of large relation", control.relation_segment_blocks().to_string()),
            ("Bytes per WAL segment", control.wal_segment_size().bytes().to_string()),
            ("Data page checksum version", u32::from(control.data_checksums()).to_string()),
        ];
        for (key, value) in read {
            assert_eq!(told[key], value, "{key} on {}", installation.major());
        }
        assert_eq!(told["Database cluster state"], "shut down");
        assert_eq!(control.state().expect("known"), engine_postgres::ClusterState::ShutDown);
    }
}
