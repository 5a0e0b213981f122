//! `backup_label` and `tablespace_map`, as `pg_backup_stop` hands them out.
//!
//! Follows `build_backup_content` in `src/backend/access/transam/xlogbackup.c` and the escaping of
//! `do_pg_backup_start`, which `read_tablespace_map` undoes. The label is what makes a copy of a running cluster
//! start from the right place: it is stored as it came, byte for byte.

use std::fmt;

use engine::Retry;
use pgwal::{Lsn, TimelineId};

/// What a `backup_label` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupLabel {
    /// Where replay begins: the redo position of the start checkpoint.
    pub start: Lsn,
    /// The start checkpoint's record.
    pub checkpoint: Lsn,
    /// The timeline of both.
    pub timeline: TimelineId,
    /// Whether the copy was made from a standby.
    pub from_standby: bool,
}

/// A text that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file} is not understood: {reason}")]
pub struct LabelError {
    file: &'static str,
    reason: String,
}

impl LabelError {
    /// May the work be tried again? The text stays what it is.
    pub fn retry(&self) -> Retry {
        Retry::Never
    }
}

impl BackupLabel {
    /// Reads the label's text.
    ///
    /// # Errors
    /// A line that every label has is missing or malformed → [`LabelError`].
    pub fn parse(text: &str) -> Result<Self, LabelError> {
        let refuse = |reason: String| LabelError { file: "backup_label", reason };
        let find = |key: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
            value.ok_or_else(|| refuse(format!("it has no line {key}")))
        };
        let lsn = |key: &str| {
            let value = find(key)?;
            let position = value.split(' ').next().unwrap_or(value);
            position.parse::<Lsn>().map_err(|error| refuse(format!("{key}: {error}")))
        };
        let timeline = find("START TIMELINE")?;
        Ok(Self {
            start: lsn("START WAL LOCATION")?,
            checkpoint: lsn("CHECKPOINT LOCATION")?,
            timeline: timeline.parse().map_err(|error| refuse(format!("START TIMELINE: {error}")))?,
            from_standby: find("BACKUP FROM")? == "standby",
        })
    }
}

/// One line of a `tablespace_map`: where the link `pg_tblspc/<oid>` leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedTablespace {
    /// The tablespace's number, as a name of a link.
    pub oid: u32,
    /// Where its files lie.
    pub location: String,
}

/// A `tablespace_map`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TablespaceMap(pub Vec<MappedTablespace>);

impl TablespaceMap {
    /// Reads the map's text; an empty one is a cluster without tablespaces.
    ///
    /// # Errors
    /// A line without number or path → [`LabelError`].
    pub fn parse(text: &str) -> Result<Self, LabelError> {
        let refuse = |line: &str| LabelError {
            file: "tablespace_map",
            reason: format!("line {:?}", line.chars().take(200).collect::<String>()),
        };
        let mut map = Vec::new();
        for line in unescaped_lines(text) {
            let (oid, location) = line.split_once(' ').ok_or_else(|| refuse(&line))?;
            let oid = oid.parse().map_err(|_| refuse(&line))?;
            if location.is_empty() {
                return Err(refuse(&line));
            }
            map.push(MappedTablespace { oid, location: location.to_owned() });
        }
        Ok(Self(map))
    }
}

impl fmt::Display for TablespaceMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for MappedTablespace { oid, location } in &self.0 {
            write!(f, "{oid} ")?;
            for character in location.chars() {
                if matches!(character, '\n' | '\r' | '\\') {
                    f.write_str("\\")?;
                }
                write!(f, "{character}")?;
            }
            f.write_str("\n")?;
        }
        Ok(())
    }
}

/// Lines of a text in which a backslash takes the next character literally, a line end too.
fn unescaped_lines(text: &str) -> Vec<String> {
    let (mut lines, mut line, mut escaped) = (Vec::new(), String::new(), false);
    for character in text.chars() {
        match character {
            _ if escaped => {
                line.push(character);
                escaped = false;
            }
            '\\' => escaped = true,
            '\n' | '\r' => lines.push(std::mem::take(&mut line)),
            _ => line.push(character),
        }
    }
    lines.push(line);
    lines.retain(|line| !line.is_empty());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABEL: &str = "START WAL LOCATION: 16/B3000028 (file 0000000B00000016000000B3)\n\
        CHECKPOINT LOCATION: 16/B3000060\nBACKUP METHOD: streamed\nBACKUP FROM: primary\n\
        START TIME: 2026-11-24 08:00:00 UTC\nLABEL: backstop 7\nSTART TIMELINE: 11\n";

    #[test]
    fn a_label_is_read() {
        let label = BackupLabel::parse(LABEL).expect("a label");
        assert_eq!(label.start.to_string(), "16/B3000028");
        assert_eq!(label.checkpoint.to_string(), "16/B3000060");
        assert_eq!(label.timeline.as_u32(), 11);
        assert!(!label.from_standby);
    }

    #[test]
    fn a_label_without_one_of_its_lines_is_refused() {
        for key in ["START WAL LOCATION", "CHECKPOINT LOCATION", "BACKUP FROM", "START TIMELINE"] {
            let kept: Vec<&str> = LABEL.lines().filter(|line| !line.starts_with(key)).collect();
            let cut = kept.join(
                "
",
            );
            let error = BackupLabel::parse(&cut).expect_err(key);
            assert!(error.to_string().contains(key), "{error}");
        }
        BackupLabel::parse(&LABEL.replace("TIMELINE: 11", "TIMELINE: x")).expect_err("a timeline of x");
    }

    #[test]
    fn a_map_reads_back_as_written_whatever_its_paths() {
        let map = TablespaceMap(vec![
            MappedTablespace { oid: 16400, location: "/srv/fast disk".to_owned() },
            MappedTablespace { oid: 16401, location: "/srv/odd\n\\name\r".to_owned() },
        ]);
        assert_eq!(TablespaceMap::parse(&map.to_string()), Ok(map));
        assert_eq!(TablespaceMap::parse(""), Ok(TablespaceMap::default()));
    }

    #[test]
    fn a_map_line_without_number_or_path_is_refused() {
        for text in ["16400\n", "16400 \n", "x /srv\n", " /srv\n"] {
            TablespaceMap::parse(text).expect_err(text);
        }
    }
}
