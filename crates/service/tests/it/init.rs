//! Making a home, again, and from a repository.

use std::os::unix::fs::PermissionsExt;

use service::{Error, Home, InitOptions, SystemClock, init};

use crate::harness::Harness;

#[test]
fn a_second_init_changes_nothing_and_shows_no_key() {
    let harness = Harness::stopped();
    let before = std::fs::read_to_string(harness.home.configuration()).unwrap();
    let options = InitOptions::new(harness.home.path());
    let report = harness.block_on(init(options, |_| None, SystemClock::shared())).unwrap();
    assert_eq!(report.new_access_key, None);
    assert_eq!(std::fs::read_to_string(harness.home.configuration()).unwrap(), before);
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(harness.home.path()), 0o700);
    for file in [harness.home.configuration(), harness.home.repository_key(), harness.home.secrets_key()] {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn a_chosen_access_key_is_taken_once() {
    let harness = Harness::stopped();
    let chosen = |secret: &str| service::HomeAccessKey {
        access_key_id: "testid".to_owned(),
        access_key_secret: secret.to_owned(),
    };
    let options =
        |secret| InitOptions { access_key: Some(chosen(secret)), ..InitOptions::new(harness.home.path()) };
    let run = |secret| harness.block_on(init(options(secret), |_| None, SystemClock::shared()));
    assert_eq!(run("testsecret").unwrap().new_access_key, Some(chosen("testsecret")));
    assert_eq!(run("testsecret").unwrap().new_access_key, None);
    assert!(matches!(run("another"), Err(Error::AccessKeyExists(id)) if id == "testid"));
    assert_eq!(harness.home.access_key().unwrap(), Some(chosen("testsecret")));
}

#[test]
fn a_repository_of_another_catalog_is_adopted_only_when_asked() {
    let mut harness = Harness::started();
    harness.register_small("orders");
    let job = harness.create_backup("orders");
    let set = harness.wait_finished("orders", &job)["BackupId"].as_str().unwrap().to_owned();
    harness.stop();

    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("second");
    let url = harness.home.repository_url();
    let options = |adopt| InitOptions { repository: Some(url.clone()), adopt, ..InitOptions::new(&home) };
    let run = |adopt| harness.block_on(init(options(adopt), |_| None, SystemClock::shared()));
    // Without the key nothing opens.
    assert!(matches!(run(false), Err(Error::File { action: "read", .. })));
    let key = Home::create(&home).unwrap().repository_key();
    blobstore::durable::write_new_file(&key, &std::fs::read(harness.home.repository_key()).unwrap()).unwrap();
    assert!(matches!(run(false), Err(Error::OfAnotherCatalog { .. })));
    assert_eq!(run(true).unwrap().adopted_sets, Some(1));
    assert_eq!(run(false).unwrap().adopted_sets, None);

    let catalog =
        harness.block_on(catalog::Catalog::open(&Home::open(&home).unwrap().catalog_url())).unwrap();
    let adopted = harness.block_on(catalog.find_set(set.parse().unwrap())).unwrap().expect("the set");
    assert_eq!(adopted.size_bytes, 310_000);
}
