//! How many rows there are on all days.

use sea_orm::sea_query::{Expr, Query, SelectStatement, UnionType};
use sea_orm::{ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QuerySelect, QueryTrait, Select};

use super::cover::Stretches;
use crate::column::corrupt;
use crate::error::{Doing, Error};

/// Adds the tallies of stretches up.
pub(super) async fn sum<T: EntityTrait>(
    connection: &impl ConnectionTrait,
    tallies: &Select<T>,
    stretches: &[Stretches],
    doing: &'static str,
) -> Result<u64, Error> {
    let row = connection.query_one(&statement(tallies, stretches)).await.doing(doing)?;
    let rows = row.map(|row| row.try_get_by_index::<Option<i64>>(0)).transpose().doing(doing)?;
    number(rows.flatten().unwrap_or_default())
}

pub(super) fn statement<T: EntityTrait>(tallies: &Select<T>, stretches: &[Stretches]) -> SelectStatement {
    let number = || Expr::col("number");
    let parts = stretches.iter().map(|stretches| {
        tallies.clone().filter(stretches.condition()).select_only().expr(number()).into_query()
    });
    Query::select().expr(number().sum().cast_as("bigint")).from_subquery(all_of(parts), "part").take()
}

/// The rows of all statements, of which there is at least one.
pub(super) fn all_of(statements: impl IntoIterator<Item = SelectStatement>) -> SelectStatement {
    let mut statements = statements.into_iter();
    let mut first = statements.next().expect("a range of time has a stretch");
    first.unions(statements.map(|statement| (UnionType::All, statement))).take()
}

/// What adding tallies up gave.
pub(super) fn number(rows: i64) -> Result<u64, Error> {
    u64::try_from(rows).map_err(|_| corrupt("number", rows))
}
