//! What a restore refuses before it writes anything.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use engine_postgres::{RestoreError, plan_restore};
use repository::OpenSet;
use testkit::postgres::Cluster;

use crate::harness::{Store, builder, mapped, restore_options, start, version_15};

struct Prepared {
    cluster: Cluster,
    store: Store,
    set: OpenSet,
    space: String,
}

fn prepared() -> Prepared {
    let cluster = start(&builder(&version_15()));
    let space = cluster.directory("space").expect("a folder").display().to_string();
    cluster.psql(&format!("CREATE TABLESPACE fast LOCATION '{space}'")).expect("made");
    let store = Store::new();
    let (_, set) = store.back_up(&cluster, 1);
    Prepared { cluster, store, set, space }
}

/// Names and sizes of everything below a folder.
fn listing(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for child in fs::read_dir(folder).expect("a folder").map(|child| child.expect("a name")) {
        let metadata = child.metadata().expect("there");
        found.push((child.path(), metadata.len()));
        if metadata.is_dir() {
            found.extend(listing(&child.path()));
        }
    }
    found.sort();
    found
}

type Expected = fn(&RestoreError) -> bool;

#[test]
fn places_that_are_in_use_are_refused_and_nothing_is_written() {
    let Prepared { cluster, store, set, space } = prepared();
    let scratch = tempfile::tempdir().expect("temporary folder");
    let at = |name: &str| scratch.path().join(name);
    for folder in ["full", "empty", "running", "own"] {
        fs::create_dir(at(folder)).expect("folder");
    }
    fs::write(at("full").join("x"), "").expect("file");
    fs::write(at("running").join("postmaster.pid"), "1\n").expect("file");
    fs::write(at("file"), "").expect("file");
    symlink(at("empty"), at("link")).expect("link");
    let before = listing(scratch.path());
    let plan = |target: &Path, new_space: &Path, own: &[PathBuf]| {
        let mut options = restore_options(target);
        options.tablespaces.push(mapped(&space, new_space));
        options.own_directories = own.to_vec();
        plan_restore(&set, &options)
    };
    let not_empty: Expected = |e| matches!(e, RestoreError::NotEmpty { .. });
    let overlap: Expected = |e| matches!(e, RestoreError::Overlap { .. });
    let cases: Vec<(&str, PathBuf, PathBuf, Vec<PathBuf>, Expected)> = vec![
        ("full target", at("full"), at("s"), vec![], not_empty),
        ("full tablespace", at("t"), at("full"), vec![], not_empty),
        ("running", at("running"), at("s"), vec![], |e| matches!(e, RestoreError::Running { .. })),
        ("link", at("link"), at("s"), vec![], |e| matches!(e, RestoreError::Link { .. })),
        ("file", at("file"), at("s"), vec![], |e| matches!(e, RestoreError::NotDirectory { .. })),
        ("mount point", "/dev/shm".into(), at("s"), vec![], |e| {
            matches!(e, RestoreError::MountPoint { .. } | RestoreError::NotEmpty { .. })
        }),
        ("live server", cluster.data_dir().to_owned(), at("s"), vec![], |e| {
            matches!(e, RestoreError::Running { .. })
        }),
        ("in the live server", cluster.data_dir().join("new"), at("s"), vec![], overlap),
        ("in the live tablespace", at("t"), Path::new(&space).join("new"), vec![], overlap),
        ("live tablespace", at("t"), PathBuf::from(&space), vec![], not_empty),
        ("tablespace in target", at("t"), at("t/space"), vec![], overlap),
        ("target in tablespace", at("s/t"), at("s"), vec![], overlap),
        ("both the same", at("t"), at("x/../t"), vec![], overlap),
        (
            "in the repository",
            store.folder.path().join("t"),
            at("s"),
            vec![store.folder.path().to_owned()],
            overlap,
        ),
        ("around our home", at("t"), at("s"), vec![at("t/home")], overlap),
    ];
    for (name, target, new_space, own, expected) in cases {
        let error = plan(&target, &new_space, &own).expect_err(name);
        assert!(expected(&error), "{name}: {error:?}");
    }
    assert_eq!(listing(scratch.path()), before);
    let plan = plan(&at("empty"), &at("s"), &[at("own")]).expect("an empty folder is fine");
    assert_eq!(listing(scratch.path()), before, "a plan writes nothing");
    let printed = plan.to_string();
    assert!(
        printed.contains(&format!("tablespace fast ({})", plan.record().tablespaces[0].oid)),
        "{printed}"
    );
    assert!(printed.contains("recovery_target = 'immediate'"), "{printed}");
    assert!(printed.ends_with(&plan.start_command()), "{printed}");
}

#[test]
fn tablespaces_must_be_mapped_each_once() {
    let Prepared { cluster: _cluster, store: _store, set, space } = prepared();
    let scratch = tempfile::tempdir().expect("temporary folder");
    let at = |name: &str| scratch.path().join(name);
    let plan = |mappings: &[(&str, PathBuf)]| {
        let mut options = restore_options(&at("t"));
        options.tablespaces = mappings.iter().map(|(old, new)| mapped(old, new)).collect();
        plan_restore(&set, &options)
    };
    let Err(RestoreError::Unmapped(unmapped)) = plan(&[]) else { panic!("an unmapped tablespace was taken") };
    assert_eq!(unmapped[0].location.as_deref(), Some(space.as_str()));
    let twice = [(space.as_str(), at("a")), (space.as_str(), at("b"))];
    assert!(matches!(plan(&twice), Err(RestoreError::UnknownMapping { .. })));
    let unknown = [(space.as_str(), at("a")), ("/nowhere", at("b"))];
    assert!(matches!(plan(&unknown), Err(RestoreError::UnknownMapping { .. })));
    plan(&[("fast", at("a"))]).expect("by its name");
    plan(&[(&format!("{space}/"), at("a"))]).expect("by its place");
}
