//! How many rows a listing has, and where a page of it begins.
//!
//! A listing is ordered by time, newest first, and may have a million rows. The catalog keeps how many of each sort
//! there are on every day (UTC): the sum is the total, and a page far down is looked for on its own day. What a
//! range of time cuts off the first and the last day is counted.

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
    /// The tally of that table, with columns `day` and `number`.
    type Tally: EntityTrait;
    /// What listing it is called in an error.
    const DOING: &'static str;

    /// The range of time asked for.
    fn span(&self) -> Span;

    /// The rows wanted that lie in `span`, instead of in that range.
    fn rows_in(&self, span: Span) -> Select<Self::Row>;

    /// The same rows, newest first.
    fn newest_first(rows: Select<Self::Row>) -> Select<Self::Row>;

    /// The tallies of the rows wanted, on whatever day; `None` where more is asked for than tallies tell apart.
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
    let (total, span, offset) = match (listing.tallies(), WholeDays::of(span)) {
        (Some(tallies), Some(days)) => {
            let parts = days.parts(connection, listing, tallies, page.offset()).await?;
            let total = parts.iter().map(|part| part.rows).sum();
            let (end, offset) = locate(&parts, page.offset());
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
    /// The time at which it ends; `None` where no page is looked for in it alone.
    end: Option<i64>,
    rows: u64,
}

/// Where the row is that `offset` others come before: the end of its part, and how many come before it in that
/// part. `parts` are newest first.
fn locate(parts: &[Part], offset: u64) -> (Option<i64>, u64) {
    let mut before = 0;
    for part in parts {
        if part.end.is_none() || before + part.rows > offset {
            return (part.end, offset - before);
        }
        before += part.rows;
    }
    (parts.last().and_then(|part| part.end), offset - before + parts.last().map_or(0, |part| part.rows))
}

/// A range of time as the whole days in it, by number, and what is left at its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct WholeDays {
    newer: Option<Span>,
    first: Option<i64>,
    /// Not included.
    end: Option<i64>,
    older: Option<Span>,
}

impl WholeDays {
    /// `None` when there is no whole day in it.
    fn of(span: Span) -> Option<Self> {
        let (first, end) = (span.start.map(day_from), span.end.map(|end| end.div_euclid(DAY_MICROS)));
        if let (Some(first), Some(end)) = (first, end)
            && first >= end
        {
            return None;
        }
        let cut = |span: Span| (span.start != span.end).then_some(span);
        let older = first.and_then(|first| cut(Span { end: Some(first * DAY_MICROS), ..span }));
        let newer = end.and_then(|end| cut(Span { start: Some(end * DAY_MICROS), ..span }));
        Some(Self { newer, first, end, older })
    }

    /// The parts of a listing, newest first; all days are one where a page after `offset` rows is not looked for by
    /// day.
    async fn parts<L: Listing>(
        self,
        connection: &impl ConnectionTrait,
        listing: &L,
        tallies: Select<L::Tally>,
        offset: u64,
    ) -> Result<Vec<Part>, Error> {
        let mut parts = Vec::new();
        let by_day = offset > STEPPED_OVER_MAX;
        if let Some(span) = self.newer {
            let end = span.end.filter(|_| by_day);
            parts.push(Part { end, rows: count(connection, listing, span).await? });
        }
        parts.extend(self.days(connection, tallies, L::DOING, by_day).await?);
        if let Some(span) = self.older {
            let end = span.end.filter(|_| by_day);
            parts.push(Part { end, rows: count(connection, listing, span).await? });
        }
        Ok(parts)
    }

    async fn days<T: EntityTrait>(
        self,
        connection: &impl ConnectionTrait,
        mut tallies: Select<T>,
        doing: &'static str,
        by_day: bool,
    ) -> Result<Vec<Part>, Error> {
        if let Some(first) = self.first {
            tallies = tallies.filter(Expr::col("day").gte(first));
        }
        if let Some(end) = self.end {
            tallies = tallies.filter(Expr::col("day").lt(end));
        }
        let sum = Expr::col("number").sum().cast_as("bigint");
        let part = |day: Option<i64>, rows: i64| {
            let end = day.map(|day| (day + 1) * DAY_MICROS);
            Ok(Part { end, rows: u64::try_from(rows).map_err(|_| corrupt("number", rows))? })
        };
        if by_day {
            let days = tallies.select_only().expr(Expr::col("day")).expr(sum);
            let days = days.group_by(Expr::col("day")).order_by_desc(Expr::col("day"));
            let days = days.into_tuple::<(i64, i64)>().all(connection).await.doing(doing)?;
            days.into_iter().map(|(day, rows)| part(Some(day), rows)).collect()
        } else {
            let sum = tallies.select_only().expr(sum).into_tuple::<Option<i64>>();
            let sum = sum.one(connection).await.doing(doing)?.flatten().unwrap_or_default();
            Ok(vec![part(None, sum)?])
        }
    }
}

/// The first day that begins at that time or later.
fn day_from(time: i64) -> i64 {
    time.div_euclid(DAY_MICROS) + i64::from(time.rem_euclid(DAY_MICROS) != 0)
}
