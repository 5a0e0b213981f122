//! How many rows a listing has, and where a page of it begins.
//!
//! A listing is ordered by time, newest first, and may have a million rows. The catalog keeps how many of each sort
//! there are in every stretch of 1,024, of 32 and of one day (UTC): some sum is the total, and a page far down is
//! looked for on its own day. What a range of time cuts off the first and the last day is counted.

use jiff::Timestamp;
use repository::InstanceId;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, FromQueryResult, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, Select,
};

use crate::column::{corrupt, micros};
use crate::error::{Doing, Error};
use crate::page::{Page, Paged};

const DAY_MICROS: i64 = 86_400_000_000;
/// Lengths of stretches in days, the longest first; each is a multiple of the next.
const STRETCHES: [i64; 3] = [1_024, 32, 1];
/// With fewer rows before a page, stepping over them is cheaper than asking for the days.
const STEPPED_OVER_MAX: u64 = 1_000;

/// A range of time in microseconds since 1970, its end excluded; `None` is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: Option<i64>,
    pub(crate) end: Option<i64>,
}

impl Span {
    pub(crate) fn between(start: Option<Timestamp>, end: Option<Timestamp>) -> Self {
        Self { start: start.map(micros), end: end.map(micros) }
    }

    /// The rows whose `time` lies in it.
    pub(crate) fn restrict<E: EntityTrait>(self, rows: Select<E>, time: E::Column) -> Select<E> {
        let column = || Expr::col(time);
        let rows = if let Some(start) = self.start { rows.filter(column().gte(start)) } else { rows };
        if let Some(end) = self.end { rows.filter(column().lt(end)) } else { rows }
    }
}

/// What is listed by time.
pub(crate) trait Listing {
    /// Its table.
    type Row: EntityTrait<Model: FromQueryResult + Send + Sync>;
    /// The tally of that table, with columns `days`, `first_day` and `number`.
    type Tally: EntityTrait;
    /// What listing it is called in an error.
    const DOING: &'static str;

    /// The range of time asked for.
    fn span(&self) -> Span;

    /// The rows wanted that lie in `span`, instead of in that range.
    fn rows_in(&self, span: Span) -> Select<Self::Row>;

    /// The same rows, newest first.
    fn newest_first(rows: Select<Self::Row>) -> Select<Self::Row>;

    /// The tallies of the rows wanted, of whatever days; `None` where more is asked for than tallies tell apart.
    fn tallies(&self) -> Option<Select<Self::Tally>>;

    /// The rows of `span` from the one on that `offset` others come before.
    fn page_in(&self, span: Span, offset: u64, limit: u64) -> Select<Self::Row> {
        Self::newest_first(self.rows_in(span)).offset(offset).limit(limit)
    }
}

/// The tallies of the one instance, of these, of both, or of all together.
pub(crate) fn tallied_instances(
    column: impl ColumnTrait,
    instance: Option<&InstanceId>,
    instances: Option<&[InstanceId]>,
) -> Expr {
    match (instance, instances) {
        (None, None) => column.eq(""),
        (Some(instance), None) => column.eq(instance.as_str()),
        (instance, Some(instances)) => {
            let wanted = instances.iter().filter(|id| instance.is_none_or(|instance| instance == *id));
            column.is_in(wanted.map(InstanceId::as_str))
        }
    }
}

/// A page of a listing, and its total.
pub(crate) async fn list<L: Listing>(
    connection: &impl ConnectionTrait,
    listing: &L,
    page: Page,
) -> Result<Paged<<L::Row as EntityTrait>::Model>, Error> {
    let span = listing.span();
    let (total, span, offset) = match (listing.tallies(), Cover::of(span)) {
        (Some(tallies), Some(cover)) if page.offset() <= STEPPED_OVER_MAX => {
            let mut total = cover.sum(connection, tallies, L::DOING).await?;
            for edge in [cover.newer, cover.older].into_iter().flatten() {
                total += count(connection, listing, edge).await?;
            }
            (total, span, page.offset())
        }
        (Some(tallies), Some(cover)) => {
            let parts = cover.parts(connection, listing, &tallies).await?;
            let total = parts.iter().map(|part| part.rows).sum();
            let (end, offset) = descend(connection, &tallies, parts, page.offset(), L::DOING).await?;
            (total, Span { end: end.or(span.end), ..span }, offset)
        }
        (None, _) | (_, None) => (count(connection, listing, span).await?, span, page.offset()),
    };
    let rows = listing.page_in(span, offset, page.limit()).all(connection).await.doing(L::DOING)?;
    Ok(Paged { rows, total })
}

async fn count<L: Listing>(connection: &impl ConnectionTrait, listing: &L, span: Span) -> Result<u64, Error> {
    listing.rows_in(span).count(connection).await.doing(L::DOING)
}

/// How many rows lie in a part of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    /// The time at which it ends.
    end: i64,
    /// How long a stretch of days it is; 0 for what a range of time leaves of a day.
    days: i64,
    rows: u64,
}

/// Where the row is that `offset` others come before: the end of a day or of a stretch with few rows before it, and how
/// many those are. `parts` are newest first.
async fn descend<T: EntityTrait>(
    connection: &impl ConnectionTrait,
    tallies: &Select<T>,
    mut parts: Vec<Part>,
    mut offset: u64,
    doing: &'static str,
) -> Result<(Option<i64>, u64), Error> {
    loop {
        let Some(part) = locate(&parts, &mut offset) else { return Ok((None, offset)) };
        let shorter = STRETCHES.into_iter().find(|days| *days < part.days);
        let Some(shorter) = shorter.filter(|_| offset > STEPPED_OVER_MAX) else {
            return Ok((Some(part.end), offset));
        };
        let end = part.end / DAY_MICROS;
        let inside = Stretches { days: shorter, first: Some(end - part.days), end: Some(end) };
        parts = stretches(connection, tallies.clone(), &[inside], doing).await?;
    }
}

/// The part with the row that `offset` others come before, or the last; `offset` becomes how many of them are in it.
fn locate(parts: &[Part], offset: &mut u64) -> Option<Part> {
    let (last, others) = parts.split_last()?;
    for part in others {
        if part.rows > *offset {
            return Some(*part);
        }
        *offset -= part.rows;
    }
    Some(*last)
}

/// Stretches of one length, by their first days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretches {
    days: i64,
    first: Option<i64>,
    /// Not included.
    end: Option<i64>,
}

impl Stretches {
    fn condition(self) -> Expr {
        let day = || Expr::col("first_day");
        let own = Expr::col("days").eq(self.days);
        let own = if let Some(first) = self.first { own.and(day().gte(first)) } else { own };
        if let Some(end) = self.end { own.and(day().lt(end)) } else { own }
    }
}

/// The tallies of stretches as parts, newest first.
async fn stretches<T: EntityTrait>(
    connection: &impl ConnectionTrait,
    tallies: Select<T>,
    wanted: &[Stretches],
    doing: &'static str,
) -> Result<Vec<Part>, Error> {
    let mut parts = Vec::new();
    for stretches in wanted {
        let (days, first_day) = (stretches.days, || Expr::col("first_day"));
        let rows = tallies.clone().filter(stretches.condition()).select_only();
        let rows = rows.expr(first_day()).expr(sum()).group_by(first_day()).order_by_desc(first_day());
        for (first, rows) in rows.into_tuple::<(i64, i64)>().all(connection).await.doing(doing)? {
            parts.push(Part { end: (first + days) * DAY_MICROS, days, rows: summed(rows)? });
        }
    }
    Ok(parts)
}

fn sum() -> Expr {
    Expr::col("number").sum().cast_as("bigint")
}

fn summed(rows: i64) -> Result<u64, Error> {
    u64::try_from(rows).map_err(|_| corrupt("number", rows))
}

/// A range of time as the longest stretches in it, newest first, and what is left at its ends.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cover {
    newer: Option<Span>,
    stretches: Vec<Stretches>,
    older: Option<Span>,
}

impl Cover {
    /// `None` when there is no whole day in it.
    fn of(span: Span) -> Option<Self> {
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
        cover(first, end, &STRETCHES, &mut stretches);
        Some(Self { newer, stretches, older })
    }

    async fn sum<T: EntityTrait>(
        &self,
        connection: &impl ConnectionTrait,
        tallies: Select<T>,
        doing: &'static str,
    ) -> Result<u64, Error> {
        let mut total = 0;
        for stretches in &self.stretches {
            let rows = tallies.clone().filter(stretches.condition()).select_only().expr(sum());
            let rows = rows.into_tuple::<Option<i64>>().one(connection).await.doing(doing)?;
            total += summed(rows.flatten().unwrap_or_default())?;
        }
        Ok(total)
    }

    /// The parts of a listing, newest first.
    async fn parts<L: Listing>(
        &self,
        connection: &impl ConnectionTrait,
        listing: &L,
        tallies: &Select<L::Tally>,
    ) -> Result<Vec<Part>, Error> {
        let mut parts: Vec<Part> = edge(connection, listing, self.newer).await?.into_iter().collect();
        parts.extend(stretches(connection, tallies.clone(), &self.stretches, L::DOING).await?);
        parts.extend(edge(connection, listing, self.older).await?);
        Ok(parts)
    }
}

/// What a range of time leaves of a day, which always has an end.
async fn edge<L: Listing>(
    connection: &impl ConnectionTrait,
    listing: &L,
    span: Option<Span>,
) -> Result<Option<Part>, Error> {
    let Some(span @ Span { end: Some(end), .. }) = span else { return Ok(None) };
    Ok(Some(Part { end, days: 0, rows: count(connection, listing, span).await? }))
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
