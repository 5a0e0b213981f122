//! Every release reads what any release before it wrote: `testdata/format/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use blobstore::LocalStore;
use repository::{
    AttemptName, BLOCK_BYTES, Content, Entry, Fault, FrameBuffers, InstanceId, KeySecret, Manifest, OpenSet,
    Place, Repository, VerifyOptions, VerifyProgress, VerifyReport, run_bytes,
};

/// The golden files of each release: `testdata/format/v<format>/<release>`.
fn releases() -> Vec<PathBuf> {
    let formats = folders(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/format"));
    let releases: Vec<PathBuf> = formats.iter().flat_map(|format| folders(format)).collect();
    assert!(!releases.is_empty());
    releases
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("folder").map(|entry| entry.expect("entry").path());
    entries.filter(|path| path.is_dir()).collect()
}

/// The key file and the passphrase, each of which opens the repository alone.
fn secrets(release: &Path) -> [KeySecret; 2] {
    let text = |name| fs::read_to_string(release.join(name)).expect("secret");
    let key_file = KeySecret::parse_key_file(&text("key-file")).expect("key file");
    [key_file, KeySecret::parse_passphrase(&text("passphrase")).expect("passphrase")]
}

fn open(root: &Path, secret: KeySecret) -> Repository {
    let store = Arc::new(LocalStore::open(root).expect("store"));
    Repository::open(store, vec![secret]).unwrap_or_else(|e| panic!("{}: {e:?}", root.display()))
}

fn instance() -> InstanceId {
    "golden".parse().expect("id")
}

fn open_set(repository: &Repository, manifest: &Manifest) -> OpenSet {
    let name = AttemptName { set: manifest.origin.set, attempt: manifest.origin.attempt };
    repository.open_set(&Place { instance: manifest.origin.instance.clone(), name }).expect("set")
}

/// An entry as the listing beside the repository has it, its content read back.
fn line(set: &OpenSet, entry: &Entry) -> String {
    let Entry { path, mode, owner, group, content } = entry;
    let kind = match content {
        Content::Directory => "directory",
        Content::File { .. } => "file",
        Content::Symlink { .. } => "symlink",
    };
    let line = format!("{kind} {mode:04o} {owner}:{group} {}", path.as_bytes().escape_ascii());
    match content {
        Content::Directory => line,
        Content::Symlink { target } => format!("{line} {}", target.escape_ascii()),
        Content::File { bytes, .. } => {
            let content = read(set, entry);
            assert_eq!(content.len() as u64, *bytes, "{path}");
            format!("{line} {bytes} {}", blake3::hash(&content))
        }
    }
}

fn read(set: &OpenSet, entry: &Entry) -> Vec<u8> {
    let mut buffers = FrameBuffers::new().expect("buffers");
    let mut content = Vec::new();
    for run in set.runs(entry, &mut buffers).expect("runs") {
        assert_eq!(content.len() as u64, run.first_block * BLOCK_BYTES as u64);
        let pack = set.reader().pack(run.frame.pack).expect("pack");
        let (start, end) = run_bytes(pack.index(), &run).expect("its blocks");
        content
            .extend_from_slice(&set.reader().read_frame(run.frame, &mut buffers).expect("frame")[start..end]);
    }
    content
}

struct Unwatched;

impl VerifyProgress for Unwatched {
    fn plan(&self, _bytes: u64) {}
    fn advance(&self, _bytes: u64) {}
}

fn verify(repository: &Repository) -> VerifyReport {
    let options = VerifyOptions { threads: 1, sample_percent: 100, seed: 0 };
    repository.verify(None, &options, &Unwatched).expect("verify")
}

#[test]
fn every_set_of_every_release_reads_as_listed() {
    for release in releases() {
        for secret in secrets(&release) {
            let repository = open(&release.join("repository"), secret);
            assert_eq!(repository.instances().expect("instances"), [instance()]);
            let sets = repository.sets(&instance()).expect("sets");
            assert!(sets.len() >= 2, "{} sets", sets.len());
            for manifest in sets {
                let set = open_set(&repository, &manifest);
                let lines =
                    set.entries().expect("entries").map(|entry| line(&set, &entry.expect("entry")) + "\n");
                let listing = release.join(format!("set-{}.txt", manifest.origin.set));
                let expected = fs::read_to_string(&listing).expect("listing");
                assert_eq!(lines.collect::<String>(), expected, "{}", listing.display());
            }
        }
    }
}

#[test]
fn every_repository_of_every_release_verifies() {
    for release in releases() {
        for secret in secrets(&release) {
            let report = verify(&open(&release.join("repository"), secret));
            assert_eq!(report.faults, [], "{}", release.display());
            assert_eq!(report.objects, objects(&release.join("repository")).len() as u64);
        }
    }
}

/// What the first release's repository is there for: each of these would be missed if it were lost.
#[test]
fn a_golden_repository_has_all_that_the_format_knows() {
    for release in releases() {
        let [secret, _] = secrets(&release);
        let repository = open(&release.join("repository"), secret);
        let keys = repository.keys();
        assert!(keys.len() == 2 && keys.iter().all(|key| key.wraps.len() == 2), "{keys:?}");
        let attempts = repository.attempts(&instance()).expect("attempts");
        assert!(attempts.iter().any(|attempt| attempt.tombstone && attempt.published));
        assert!(attempts.iter().any(|attempt| !attempt.tombstone && !attempt.published));
        let sets = repository.sets(&instance()).expect("sets");
        assert!(sets.iter().any(|manifest| manifest.parent.is_some() && manifest.references.len() == 3));
        let mut codecs = Vec::new();
        let mut short = 0;
        for manifest in &sets {
            let set = open_set(&repository, manifest);
            for (pack, _) in manifest.references.iter().flat_map(repository::Reference::packs) {
                let pack = set.reader().pack(pack).expect("pack");
                codecs.extend(
                    pack.index()
                        .frames()
                        .map(|frame| format!("{:?} {}", frame.codec, frame.blocks.is_some())),
                );
                short += pack
                    .index()
                    .frames()
                    .filter_map(|frame| frame.blocks)
                    .map(|b| b.short.len())
                    .sum::<usize>();
            }
        }
        codecs.sort();
        codecs.dedup();
        for codec in ["Lz4 true", "None true", "Zstd false", "Zstd true"] {
            assert!(codecs.iter().any(|found| found == codec), "{codec} of {codecs:?}");
        }
        assert!(short > 3);
    }
}

/// The objects of the repository at `root`, by their path there.
fn objects(root: &Path) -> Vec<PathBuf> {
    let mut objects = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("folder") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                objects.push(path.strip_prefix(root).expect("below").to_owned());
            }
        }
    }
    objects.sort();
    objects
}

fn copy(from: &Path, to: &Path) {
    for object in objects(from) {
        let target = to.join(&object);
        fs::create_dir_all(target.parent().expect("a folder")).expect("folder");
        fs::copy(from.join(&object), target).expect("copy");
    }
}

/// Changes one byte of `object`, looks what a verification says, and changes it back.
fn faults_after(root: &Path, object: &Path, position: usize, secret: &KeySecret) -> Vec<Fault> {
    let path = root.join(object);
    let whole = fs::read(&path).expect("object");
    let repository = open(root, secret.clone());
    let mut changed = whole.clone();
    changed[position] ^= 2;
    fs::write(&path, changed).expect("change");
    let faults = verify(&repository).faults;
    fs::write(&path, whole).expect("restore");
    faults
}

#[test]
fn a_changed_byte_of_any_golden_object_is_noticed() {
    for release in releases() {
        let [secret, _] = secrets(&release);
        let dir = tempfile::tempdir().expect("dir");
        let root = dir.path();
        copy(&release.join("repository"), root);
        for object in objects(root) {
            let bytes = fs::metadata(root.join(&object)).expect("object").len();
            let bytes = usize::try_from(bytes).expect("small");
            for position in [0, bytes / 3, bytes - 1] {
                let faults = faults_after(root, &object, position, &secret);
                assert!(!faults.is_empty(), "byte {position} of {}", object.display());
            }
        }
        assert_eq!(verify(&open(root, secret)).faults, []);
    }
}

#[test]
fn an_object_of_a_later_version_is_refused_by_name() {
    for release in releases() {
        let [secret, _] = secrets(&release);
        let dir = tempfile::tempdir().expect("dir");
        copy(&release.join("repository"), dir.path());
        let is_sealed = |object: &PathBuf| object.starts_with("golden");
        for object in objects(dir.path()).into_iter().filter(is_sealed) {
            let faults = faults_after(dir.path(), &object, 8, &secret);
            let names_it = |fault: &Fault| {
                fault.object == object.display().to_string()
                    && fault.problem.contains("format version 3 is not known")
            };
            assert!(faults.iter().any(names_it), "{}: {faults:?}", object.display());
        }
    }
}
