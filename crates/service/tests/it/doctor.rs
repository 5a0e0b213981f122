//! What `doctor` finds in homes that are well and in homes that are not.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use service::{Diagnosis, Severity, SystemClock, diagnose};
use testkit::tls::CertificateAuthority;

use crate::folder_engine::FolderEngines;
use crate::harness::Harness;

fn look(harness: &Harness) -> Vec<Diagnosis> {
    let floor = |name: &str| (name == "BACKSTOP_FREE_SPACE_FLOOR_BYTES").then(|| "0".to_owned());
    let engines = Arc::new(FolderEngines::default());
    harness.block_on(diagnose(harness.home.path(), floor, engines, SystemClock::shared()))
}

#[track_caller]
fn check(harness: &Harness, subject: &str, severity: Severity, finding: &str) {
    let found = look(harness);
    let matches =
        |d: &&Diagnosis| d.subject == subject && d.severity == severity && d.finding.contains(finding);
    let diagnosis = found.iter().find(matches).unwrap_or_else(|| panic!("{subject} {finding}: {found:#?}"));
    assert_eq!(diagnosis.remedy.is_empty(), severity == Severity::Good, "{diagnosis:?}");
}

#[test]
fn a_home_that_is_well_has_only_its_key_to_be_exported() {
    let harness = Harness::started();
    harness.register_small("orders");
    let bad: Vec<_> = look(&harness).into_iter().filter(|d| d.severity != Severity::Good).collect();
    assert_eq!(bad.len(), 1, "{bad:#?}");
    check(&harness, "key", Severity::Warning, "only in this home");
    check(&harness, "instance orders", Severity::Good, "15.18");
    harness.home.mark_key_exported().unwrap();
    check(&harness, "key", Severity::Good, "");
}

#[test]
fn each_fault_is_found_with_its_remedy() {
    let harness = Harness::started();
    harness.register_small("orders");
    std::fs::remove_dir_all(harness.source("orders", &[])).unwrap();
    check(&harness, "instance orders", Severity::Problem, "is no folder");
    std::fs::set_permissions(harness.home.secrets_key(), std::fs::Permissions::from_mode(0o644)).unwrap();
    check(&harness, "home", Severity::Problem, "secrets.key");
    std::fs::write(harness.home.configuration(), "nonsense = 1\n").unwrap();
    check(&harness, "configuration", Severity::Problem, "unknown field `nonsense`");
    std::fs::write(harness.home.configuration(), "repository = \"/does/not/exist\"\n").unwrap();
    check(&harness, "repository", Severity::Problem, "/does/not/exist");
}

#[test]
fn a_certificate_that_cannot_be_used_is_found() {
    let harness = Harness::started();
    let ca = CertificateAuthority::new().unwrap();
    let [first, second] = ["a.example", "b.example"].map(|name| ca.issue(&[name]).unwrap());
    let (certificate, key) = (harness.home.path().join("cert.pem"), harness.home.path().join("key.pem"));
    let lines = format!("tls_cert = {certificate:?}\ntls_key = {key:?}\n");
    std::fs::write(harness.home.configuration(), lines).unwrap();
    check(&harness, "certificate", Severity::Problem, "cert.pem");
    std::fs::write(&certificate, &first.certificate_pem).unwrap();
    std::fs::write(&key, &second.key_pem).unwrap();
    check(&harness, "certificate", Severity::Problem, "with the key");
    std::fs::write(&key, &first.key_pem).unwrap();
    check(&harness, "certificate", Severity::Good, "can be used");
}

#[test]
fn a_folder_that_is_no_home_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let engines = Arc::new(FolderEngines::default());
    let found = runtime.block_on(diagnose(folder.path(), |_| None, engines, SystemClock::shared()));
    assert_eq!(found.len(), 1);
    assert!(found[0].finding.contains("is no Backstop home"), "{found:?}");
}
