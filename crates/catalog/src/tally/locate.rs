//! On which day a row of a listing lies.

use sea_orm::sea_query::Expr;
use sea_orm::{ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QuerySelect, QueryTrait, Select};

use super::cover::Stretches;
use super::sum::{all_of, number};
use super::{DAY_MICROS, STEPPED_OVER_MAX};
use crate::error::{Doing, Error};

/// Where a row lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Located {
    /// The end of its day, or of a stretch of days with few rows before it, in microseconds since 1970.
    pub(super) end: i64,
    /// Rows after that.
    pub(super) before: u64,
    /// Rows on all days.
    pub(super) total: u64,
}

/// The place of the row that `offset` others come before, or of the oldest. `None`: there are no rows.
pub(super) async fn locate<T: EntityTrait>(
    connection: &impl ConnectionTrait,
    tallies: &Select<T>,
    stretches: &[Stretches],
    offset: u64,
    doing: &'static str,
) -> Result<Option<Located>, Error> {
    let parts = parts(connection, tallies, stretches, doing).await?;
    let total = parts.iter().map(|part| part.rows).sum();
    let Some((mut part, mut before)) = part_of(&parts, offset) else { return Ok(None) };
    if part.days > 1 && offset.saturating_sub(before) > STEPPED_OVER_MAX {
        let days = Stretches { days: 1, first: Some(part.first_day), end: Some(part.end_day()) };
        let days = self::parts(connection, tallies, &[days], doing).await?;
        if let Some((day, before_day)) = part_of(&days, offset - before) {
            (part, before) = (day, before + before_day);
        }
    }
    Ok(Some(Located { end: part.end_day() * DAY_MICROS, before, total }))
}

/// How many rows lie in a stretch of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    first_day: i64,
    days: i64,
    rows: u64,
}

impl Part {
    /// The day after it.
    fn end_day(self) -> i64 {
        self.first_day + self.days
    }
}

/// The part with the row that `offset` others come before, or the last, and how many rows come before the part.
fn part_of(parts: &[Part], offset: u64) -> Option<(Part, u64)> {
    let mut before = 0;
    for part in parts {
        if offset < before + part.rows {
            return Some((*part, before));
        }
        before += part.rows;
    }
    parts.last().map(|last| (*last, before - last.rows))
}

/// The stretches that have rows, newest first.
async fn parts<T: EntityTrait>(
    connection: &impl ConnectionTrait,
    tallies: &Select<T>,
    stretches: &[Stretches],
    doing: &'static str,
) -> Result<Vec<Part>, Error> {
    let of_length = |stretches: &Stretches| {
        let column = |name: &'static str| Expr::col(name);
        let rows = tallies.clone().filter(stretches.condition()).select_only().expr(column("first_day"));
        let rows = rows.expr(Expr::val(stretches.days).cast_as("bigint"));
        rows.expr(column("number").sum().cast_as("bigint")).group_by(column("first_day")).into_query()
    };
    let rows = connection.query_all(&all_of(stretches.iter().map(of_length))).await.doing(doing)?;
    let mut parts = Vec::with_capacity(rows.len());
    for row in rows {
        let column = |index| row.try_get_by_index::<i64>(index).doing(doing);
        parts.push(Part { first_day: column(0)?, days: column(1)?, rows: number(column(2)?)? });
    }
    parts.sort_unstable_by_key(|part| std::cmp::Reverse(part.first_day));
    Ok(parts)
}
