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
    QuerySelect, Select,
};

use self::cover::Cover;
use self::locate::locate;
use self::sum::sum;
use crate::column::micros;
use crate::error::{Doing, Error};
use crate::page::{Page, Paged};

mod cover;
mod locate;
mod sum;

const DAY_MICROS: i64 = 86_400_000_000;
/// Lengths of stretches in days, the longest first; each is a multiple of the next.
const STRETCHES: [i64; 3] = [1_024, 32, 1];
/// Lengths by which a page is looked for. To choose among the longest first would save reading the months of other years,
/// which costs less than the statement that it would take.
const LOCATING_STRETCHES: [i64; 2] = [32, 1];
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
    let (span, offset) = (listing.span(), page.offset());
    let is_near = offset <= STEPPED_OVER_MAX;
    let lengths: &[i64] = if is_near { &STRETCHES } else { &LOCATING_STRETCHES };
    let found = match (listing.tallies(), Cover::of(span, lengths)) {
        (Some(tallies), Some(cover)) if is_near => {
            let inside = sum(connection, &tallies, &cover.stretches, L::DOING).await?;
            let [newer, older] = edges(connection, listing, &cover).await?;
            Found { total: newer + inside + older, span, offset }
        }
        (Some(tallies), Some(cover)) => find(connection, listing, &tallies, &cover, offset).await?,
        (None, _) | (_, None) => Found { total: count(connection, listing, span).await?, span, offset },
    };
    let page = listing.page_in(found.span, found.offset, page.limit());
    Ok(Paged { rows: page.all(connection).await.doing(L::DOING)?, total: found.total })
}

/// Where a page begins.
struct Found {
    /// Rows of the listing.
    total: u64,
    /// Where to look.
    span: Span,
    /// How many rows there come before the page.
    offset: u64,
}

/// Finds the day of the row that `offset` others come before.
async fn find<L: Listing>(
    connection: &impl ConnectionTrait,
    listing: &L,
    tallies: &Select<L::Tally>,
    cover: &Cover,
    offset: u64,
) -> Result<Found, Error> {
    let [newer, older] = edges(connection, listing, cover).await?;
    let wanted = offset.saturating_sub(newer);
    let located = locate(connection, tallies, &cover.stretches, wanted, L::DOING).await?;
    let inside = located.map_or(0, |place| place.total);
    let span = listing.span();
    let (end, before) = if offset < newer {
        (span.end, 0)
    } else if let Some(older) = cover.older.filter(|_| wanted >= inside) {
        (older.end, newer + inside)
    } else if let Some(place) = located {
        (Some(place.end), newer + place.before)
    } else {
        (cover.newer.map_or(span.end, |newer| newer.start), newer)
    };
    Ok(Found { total: newer + inside + older, span: Span { end, ..span }, offset: offset - before })
}

/// Rows on the parts of days at the newer and at the older end.
async fn edges<L: Listing>(
    connection: &impl ConnectionTrait,
    listing: &L,
    cover: &Cover,
) -> Result<[u64; 2], Error> {
    let mut rows = [0; 2];
    for (rows, edge) in rows.iter_mut().zip([cover.newer, cover.older]) {
        if let Some(edge) = edge {
            *rows = count(connection, listing, edge).await?;
        }
    }
    Ok(rows)
}

async fn count<L: Listing>(connection: &impl ConnectionTrait, listing: &L, span: Span) -> Result<u64, Error> {
    listing.rows_in(span).count(connection).await.doing(L::DOING)
}

/// The statement that adds up a listing without a range.
#[cfg(feature = "conformance")]
pub(crate) fn total_statement<L: Listing>(listing: &L) -> Option<sea_orm::sea_query::SelectStatement> {
    let cover = Cover::of(Span { start: None, end: None }, &STRETCHES)?;
    Some(sum::statement(&listing.tallies()?, &cover.stretches))
}
