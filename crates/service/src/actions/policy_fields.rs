//! A backup policy in the API's words.

use catalog::{BackupPolicy, PolicyCompression, ReleasedKeep};
use jiff::Timestamp;
use repository::{Compression, InstanceId};
use rpc::render_minutes;
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::policy::Schedule;
use crate::refusal::Refusal;

/// Minutes of a day.
const DAY_MINUTES: u32 = 24 * 60;

/// The policy of a registered instance; one that has none gets the default.
pub(super) async fn policy_of(
    context: &Context,
    instance: &InstanceId,
    now: Timestamp,
) -> Result<BackupPolicy, Refusal> {
    if let Some(policy) = context.catalog.find_policy(instance).await? {
        return Ok(policy);
    }
    let mut change = context.catalog.change(now).await?;
    change.put_missing_policy(instance, &BackupPolicy::default()).await?;
    let stored = change.policy_for_update(instance).await?;
    change.commit().await?;
    Ok(stored.map_or_else(BackupPolicy::default, |(policy, _)| policy))
}

/// Everything that is answered of a policy.
pub(super) fn policy_fields(
    context: &Context,
    instance: &InstanceId,
    policy: &BackupPolicy,
    now: Timestamp,
) -> Map<String, Value> {
    let next = Schedule::of(instance, policy).next_window(now);
    let own = json!({
        "PreferredBackupTime": hour_window(policy.window_start_minutes),
        "PreferredBackupPeriod": policy.weekdays.to_string(),
        "PreferredNextBackupTime": render_minutes(next),
        "BackupRetentionPeriod": policy.retention_days,
        "BackupMethod": "Physical",
        "CompressType": compress_type(policy, context.config.compression),
        "FullBackupIntervalDays": policy.full_interval_days,
        "EnableIncrementDataBackup": policy.incremental,
        "IncBackupInterval": policy.incremental_interval_minutes,
        "ReleasedKeepPolicy": released_keep(policy.released_keep),
        "BackupLog": if policy.log_backup { "Enable" } else { "Disabled" },
        "EnableBackupLog": if policy.log_backup { "1" } else { "0" },
        "LogBackupRetentionPeriod": policy.log_retention_days,
        "SupportModifyBackupPriority": false,
    });
    let mut fields = policy.echoed.as_object().cloned().unwrap_or_default();
    if let Value::Object(own) = own {
        fields.extend(own);
    }
    fields
}

/// `CompressType`: none is 0; zstd is what was set, or 1.
fn compress_type(policy: &BackupPolicy, configured: Compression) -> String {
    let zstd = || policy.echoed.get("CompressType").and_then(Value::as_str).unwrap_or("1").to_owned();
    match (policy.compression, configured) {
        (PolicyCompression::None, _) | (PolicyCompression::Configured, Compression::None) => "0".to_owned(),
        (PolicyCompression::Zstd, _) => zstd(),
        (PolicyCompression::Configured, Compression::Zstd(_) | Compression::Lz4) => "1".to_owned(),
    }
}

/// `ReleasedKeepPolicy`, spelled as the API spells it.
fn released_keep(keep: ReleasedKeep) -> &'static str {
    match keep {
        ReleasedKeep::All => "All",
        ReleasedKeep::Latest => "Lastest",
        ReleasedKeep::None => "None",
    }
}

/// What `ReleasedKeepPolicy` asks for.
pub(super) fn released_keep_of(word: &str) -> ReleasedKeep {
    match word {
        "None" => ReleasedKeep::None,
        "Lastest" => ReleasedKeep::Latest,
        _ => ReleasedKeep::All,
    }
}

/// `HH:mmZ-HH:mmZ` of the hour that starts at a minute of the day.
fn hour_window(start: u32) -> String {
    let time = |minutes: u32| {
        let minutes = minutes % DAY_MINUTES;
        format!("{:02}:{:02}Z", minutes / 60, minutes % 60)
    };
    format!("{}-{}", time(start), time(start + 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_written_as_the_api_writes_it() {
        for (start, text) in [(0, "00:00Z-01:00Z"), (930, "15:30Z-16:30Z"), (1439, "23:59Z-00:59Z")] {
            assert_eq!(hour_window(start), text);
        }
    }

    #[test]
    fn compress_type_tells_what_is_done() {
        let policy = |compression, sent: Option<&str>| BackupPolicy {
            compression,
            echoed: sent.map_or(json!({}), |sent| json!({ "CompressType": sent })),
            ..BackupPolicy::default()
        };
        let configured = policy(PolicyCompression::Configured, None);
        assert_eq!(compress_type(&configured, Compression::None), "0");
        assert_eq!(compress_type(&configured, Compression::Lz4), "1");
        assert_eq!(compress_type(&policy(PolicyCompression::None, Some("0")), Compression::Zstd(1)), "0");
        assert_eq!(compress_type(&policy(PolicyCompression::Zstd, Some("4")), Compression::None), "4");
    }
}
