//! Settings of a restored server: recovery up to the set's end, and nothing shared with the original.

use std::path::{Path, PathBuf};

use super::includes::quoted;
use super::place::settings_place;
use super::{Archiving, RestorePlan};

/// Settings of an earlier recovery or of a standby, which would contradict ours.
const RECOVERY_SETTINGS: [&str; 16] = [
    "archive_cleanup_command",
    "primary_conninfo",
    "primary_slot_name",
    "promote_trigger_file",
    "recovery_end_command",
    "recovery_min_apply_delay",
    "recovery_target",
    "recovery_target_action",
    "recovery_target_inclusive",
    "recovery_target_lsn",
    "recovery_target_name",
    "recovery_target_time",
    "recovery_target_timeline",
    "recovery_target_xid",
    "restore_command",
    "standby_mode",
];

/// The main settings file, where the server does not find it by itself.
pub(super) fn unusual_config_file(plan: &RestorePlan) -> Option<PathBuf> {
    let path = Path::new(&plan.record.settings.config_file);
    let is_usual = path == Path::new(&plan.record.data_directory).join("postgresql.conf");
    (path.is_absolute() && !is_usual).then(|| settings_place(plan, path))
}

/// What goes to the end of `postgresql.auto.conf`, which outranks all other files.
pub(super) fn auto_conf_lines(plan: &RestorePlan) -> Vec<String> {
    let mut lines: Vec<String> = [
        // One of these in another file would be a second target, which the server refuses; and it refuses even to
        // empty one after a target was set.
        "recovery_target_lsn = ''",
        "recovery_target_name = ''",
        "recovery_target_time = ''",
        "recovery_target_xid = ''",
        "recovery_target = 'immediate'",
        "recovery_target_timeline = 'current'",
        "recovery_target_action = 'promote'",
        "restore_command = 'false'",
        "archive_cleanup_command = ''",
        "recovery_end_command = ''",
    ]
    .map(str::to_owned)
    .to_vec();
    if plan.archiving == Archiving::Off {
        lines.push("archive_mode = 'off'".to_owned());
    }
    if !plan.record.settings.external_pid_file.is_empty() {
        lines.push("external_pid_file = ''".to_owned());
    }
    if plan.record.settings.stats_temp_directory.starts_with('/') {
        lines.push("stats_temp_directory = 'pg_stat_tmp'".to_owned());
    }
    lines.extend(list_lines(plan));
    lines
}

/// Lists of who may connect, where the server does not find the restored ones by itself.
fn list_lines(plan: &RestorePlan) -> Vec<String> {
    let settings = &plan.record.settings;
    let mut lines = Vec::new();
    for (name, path) in [("hba_file", &settings.hba_file), ("ident_file", &settings.ident_file)] {
        let is_set = settings.locations_set.iter().any(|set| set == name);
        let is_beside_config = unusual_config_file(plan).is_some();
        if Path::new(path).is_absolute() && (is_set || is_beside_config) {
            let place = settings_place(plan, Path::new(path));
            lines.push(format!("{name} = {}", quoted(&place.display().to_string())));
        }
    }
    lines
}

/// What goes to the end of the main settings file, where the last line for a setting wins:
/// `postgresql.auto.conf` is only found by the data directory.
pub(super) fn config_file_lines(plan: &RestorePlan) -> Vec<String> {
    let is_set = plan.record.settings.locations_set.iter().any(|name| name == "data_directory");
    if is_set || unusual_config_file(plan).is_some() {
        vec![format!("data_directory = {}", quoted(&plan.target.display().to_string()))]
    } else {
        Vec::new()
    }
}

/// `postgresql.auto.conf` with our lines, and older ones of the kind commented out.
pub(super) fn with_recovery_settings(old: &[u8], plan: &RestorePlan) -> Vec<u8> {
    let ours = auto_conf_lines(plan);
    let mut text = Vec::with_capacity(old.len() + 1024);
    for line in old.split_inclusive(|byte| *byte == b'\n') {
        let name = setting_name(line);
        let is_replaced = RECOVERY_SETTINGS.contains(&name.as_str())
            || ours.iter().any(|ours| setting_name(ours.as_bytes()) == name && !name.is_empty());
        if is_replaced {
            text.extend_from_slice(b"# before the restore: ");
        }
        text.extend_from_slice(line);
    }
    with_lines(text, &format!("# Set by the restore of backup set {}:", plan.set), &ours)
}

/// A settings file in which `names` are set no more: such lines are comments.
pub(super) fn without_settings(old: &[u8], names: &[&str]) -> Vec<u8> {
    let mut text = Vec::with_capacity(old.len());
    for line in old.split_inclusive(|byte| *byte == b'\n') {
        if names.contains(&setting_name(line).as_str()) {
            text.extend_from_slice(b"# of the original: ");
        }
        text.extend_from_slice(line);
    }
    text
}

/// A settings file with `lines` at its end.
pub(super) fn with_lines(mut text: Vec<u8>, comment: &str, lines: &[String]) -> Vec<u8> {
    if text.last().is_some_and(|byte| *byte != b'\n') {
        text.push(b'\n');
    }
    for line in std::iter::once(comment).chain(lines.iter().map(String::as_str)) {
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    }
    text
}

/// The setting that a line sets, in small letters; empty for a comment.
fn setting_name(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let name = text.trim_start();
    let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.')).unwrap_or(name.len());
    name[..end].to_ascii_lowercase()
}
