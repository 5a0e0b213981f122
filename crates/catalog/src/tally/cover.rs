//! A range of time as whole days and what is left of a day at its ends.

use sea_orm::ExprTrait;
use sea_orm::sea_query::Expr;

use super::{DAY_MICROS, Span};

/// Stretches of one length, by their first days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretches {
    pub(super) days: i64,
    pub(super) first: Option<i64>,
    /// Not included.
    pub(super) end: Option<i64>,
}

impl Stretches {
    /// Their tallies.
    pub(super) fn condition(self) -> Expr {
        let day = || Expr::col("first_day");
        let own = Expr::col("days").eq(self.days);
        let own = if let Some(first) = self.first { own.and(day().gte(first)) } else { own };
        if let Some(end) = self.end { own.and(day().lt(end)) } else { own }
    }
}

/// A range of time as the longest stretches in it, newest first, and what is left at its ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cover {
    pub(super) newer: Option<Span>,
    /// At least one.
    pub(super) stretches: Vec<Stretches>,
    pub(super) older: Option<Span>,
}

impl Cover {
    /// In stretches of `lengths` days, the longest first and 1 the last. `None` when there is no whole day in it.
    pub(super) fn of(span: Span, lengths: &[i64]) -> Option<Self> {
        let up = |time: i64| time.div_euclid(DAY_MICROS) + i64::from(time.rem_euclid(DAY_MICROS) != 0);
        let (first, end) = (span.start.map(up), span.end.map(|end| end.div_euclid(DAY_MICROS)));
        if let (Some(first), Some(end)) = (first, end)
            && first >= end
        {
            return None;
        }
        let cut = |span: Span| (span.start != span.end).then_some(span);
        let older = first.and_then(|first| cut(Span { end: Some(first * DAY_MICROS), ..span }));
        let newer = end.and_then(|end| cut(Span { start: Some(end * DAY_MICROS), ..span }));
        let mut stretches = Vec::new();
        cover(first, end, lengths, &mut stretches);
        Some(Self { newer, stretches, older })
    }
}

/// Covers the days from `first` to before `end` with stretches of these lengths, newest first.
fn cover(first: Option<i64>, end: Option<i64>, lengths: &[i64], into: &mut Vec<Stretches>) {
    let Some((days, shorter)) = lengths.split_first() else { return };
    let from = first.map(|first| (first + days - 1).div_euclid(*days) * days);
    let to = end.map(|end| end.div_euclid(*days) * days);
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        return cover(first, end, shorter, into);
    }
    if to != end {
        cover(to, end, shorter, into);
    }
    into.push(Stretches { days: *days, first: from, end: to });
    if from != first {
        cover(first, from, shorter, into);
    }
}
