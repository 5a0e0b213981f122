//! How many jobs a listing has, as they were last counted: counting a million takes the database a hundred times as long as
//! reading the page.
//!
//! A total is remembered only where [`JobMemory`](super::JobMemory) can tell whether anything was written since.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::job::JobFilter;

/// Filters remembered at a time; when there are more, all are forgotten.
const FILTERS_MAX: usize = 1_000;

/// Totals by filter, all counted since the same write ended.
#[derive(Debug, Default)]
pub(crate) struct JobTotals {
    inner: Mutex<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    /// Writes that had ended before any of these was counted.
    writes: u64,
    totals: HashMap<JobFilter, u64>,
}

impl JobTotals {
    /// The total, if it was counted after so many writes had ended.
    pub(super) fn recall(&self, filter: &JobFilter, writes: u64) -> Option<u64> {
        let counted = self.lock();
        counted.totals.get(filter).copied().filter(|_| counted.writes == writes)
    }

    /// Remembers a total that was counted while so many writes had ended, and none was under way.
    pub(super) fn keep(&self, filter: &JobFilter, writes: u64, total: u64) {
        let mut counted = self.lock();
        if counted.writes != writes || counted.totals.len() >= FILTERS_MAX {
            *counted = Counted { writes, totals: HashMap::new() };
        }
        counted.totals.insert(filter.clone(), total);
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        // A total is put in whole, so a panic elsewhere spoils nothing.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::JobKind;

    #[test]
    fn a_total_is_known_until_the_next_write() {
        let totals = JobTotals::default();
        let all = JobFilter::default();
        let backups = JobFilter { kind: Some(JobKind::Backup), ..JobFilter::default() };
        assert_eq!(totals.recall(&all, 0), None);
        totals.keep(&all, 3, 20);
        totals.keep(&backups, 3, 10);
        assert_eq!((totals.recall(&all, 3), totals.recall(&backups, 3)), (Some(20), Some(10)));
        assert_eq!(totals.recall(&all, 4), None);
        totals.keep(&all, 4, 21);
        assert_eq!((totals.recall(&all, 4), totals.recall(&backups, 4)), (Some(21), None));
    }
}
