//! A plan in words, for `--dry-run`.

use std::fmt;

use super::plan::{AttemptSweep, InstanceSweep, SweepPlan};

impl fmt::Display for SweepPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.instances.iter().try_for_each(|instance| instance.fmt(f))?;
        if self.is_empty() {
            return writeln!(f, "nothing is to be swept");
        }
        writeln!(f, "in all {} objects, {} bytes", self.objects(), self.bytes())
    }
}

impl fmt::Display for InstanceSweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { instance, refused, bury, delete, doubtful, waiting, known: _ } = self;
        if let Some(problem) = refused {
            return writeln!(f, "{instance}: nothing is touched, for what it needs is unknown: {problem}");
        }
        for problem in doubtful {
            writeln!(f, "{instance}: a tombstone that does not count: {problem}")?;
        }
        if *waiting > 0 {
            writeln!(f, "{instance}: {waiting} with a tombstone wait for the end of the grace")?;
        }
        for burial in bury {
            writeln!(f, "{instance}: tombstone for {}: {}", burial.place.name, burial.reason)?;
        }
        delete.iter().try_for_each(|attempt| write_attempt(f, attempt))
    }
}

fn write_attempt(f: &mut fmt::Formatter<'_>, attempt: &AttemptSweep) -> fmt::Result {
    let AttemptSweep { place, manifest_bytes, packs, packs_kept, whole, .. } = attempt;
    write!(f, "{}: delete of {}:", place.instance, place.name)?;
    if manifest_bytes.is_some() {
        f.write_str(" manifest,")?;
    }
    for range in packs {
        match range.bytes.len() {
            1 => write!(f, " pack-{:06},", range.first)?,
            count => {
                let last = u64::from(range.first) + count as u64 - 1;
                write!(f, " pack-{:06} to pack-{last:06},", range.first)?;
            }
        }
    }
    if *whole {
        f.write_str(" begin, tombstone,")?;
    }
    write!(f, " {} bytes", attempt.bytes())?;
    if *packs_kept > 0 {
        write!(f, "; {packs_kept} packs stay, which others need")?;
    }
    f.write_str("\n")
}
