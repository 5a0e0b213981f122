//! Results of queries: texts in rows, read by the name of their column.

mod from_text;

use std::sync::Arc;

use crate::Error;
use crate::error::excerpt;

pub use from_text::FromText;

/// One row. Cheap to keep: the names of the columns are shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    columns: Arc<[String]>,
    values: Vec<Option<Box<[u8]>>>,
}

impl Row {
    pub(crate) fn new(columns: Arc<[String]>, values: Vec<Option<Box<[u8]>>>) -> Self {
        Self { columns, values }
    }

    /// The value of a column as a type: texts, numbers, `bool`, `Lsn`, `TimelineId`, and `Option` of them for columns
    /// that may be null.
    ///
    /// # Errors
    /// No such column → [`Error::ColumnMissing`]; null where the type is no `Option` → [`Error::ColumnNull`]; a text
    /// that is not the type's → [`Error::ColumnFormat`].
    pub fn get<T: FromText>(&self, column: &str) -> Result<T, Error> {
        let value = self.bytes(column)?;
        T::from_text(value).ok_or_else(|| match value {
            None => Error::ColumnNull { column: column.to_owned() },
            Some(bytes) => Error::ColumnFormat {
                column: column.to_owned(),
                expected: T::EXPECTED,
                found: excerpt(&String::from_utf8_lossy(bytes.get(..256).unwrap_or(bytes))),
            },
        })
    }

    /// The value of a column as it was sent; `None` for null.
    ///
    /// # Errors
    /// No such column → [`Error::ColumnMissing`].
    pub fn bytes(&self, column: &str) -> Result<Option<&[u8]>, Error> {
        let missing = || Error::ColumnMissing { column: column.to_owned() };
        let index = self.columns.iter().position(|name| name == column).ok_or_else(missing)?;
        Ok(self.values.get(index).ok_or_else(missing)?.as_deref())
    }

    /// What keeping the row costs, roughly.
    pub(crate) fn memory_bytes(&self) -> usize {
        let content: usize = self.values.iter().flatten().map(|value| value.len()).sum();
        content + size_of::<Self>() + self.values.len() * size_of::<Option<Box<[u8]>>>()
    }

    /// All values in order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = Option<&[u8]>> {
        self.values.iter().map(Option::as_deref)
    }
}

/// What one statement gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultSet {
    columns: Arc<[String]>,
    rows: Vec<Row>,
    tag: String,
}

impl ResultSet {
    pub(crate) fn new(columns: Arc<[String]>, rows: Vec<Row>, tag: String) -> Self {
        Self { columns, rows, tag }
    }

    /// Names of the columns; empty for a statement that gives no rows.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The rows.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The rows, to keep.
    pub fn into_rows(self) -> Vec<Row> {
        self.rows
    }

    /// What the server says that it did, such as `SELECT 3`.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The only row.
    ///
    /// # Errors
    /// None or several → [`Error::ResultShape`].
    pub fn one(&self) -> Result<&Row, Error> {
        match self.rows.as_slice() {
            [row] => Ok(row),
            rows => Err(Error::ResultShape { expected: "one row", found: rows.len() }),
        }
    }

    /// The only row, if there is any.
    ///
    /// # Errors
    /// Several → [`Error::ResultShape`].
    pub fn at_most_one(&self) -> Result<Option<&Row>, Error> {
        match self.rows.as_slice() {
            [] => Ok(None),
            [row] => Ok(Some(row)),
            rows => Err(Error::ResultShape { expected: "at most one row", found: rows.len() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use pgwal::Lsn;

    use super::*;

    fn row() -> Row {
        let columns: Arc<[String]> = ["name", "lsn", "nothing", "noise"].map(str::to_owned).into();
        let values =
            vec![Some(Box::from(&b"a"[..])), Some(Box::from(&b"1/A"[..])), None, Some(Box::from([0xFF]))];
        Row::new(columns, values)
    }

    #[test]
    fn values_are_read_by_name_and_type() {
        assert_eq!(row().get::<String>("name").expect("text"), "a");
        assert_eq!(row().get::<Lsn>("lsn").expect("position"), Lsn::new(0x1_0000_000A));
        assert_eq!(row().get::<Option<i64>>("nothing").expect("null"), None);
        assert_eq!(row().bytes("noise").expect("there"), Some(&[0xFF][..]));
    }

    #[test]
    fn each_mismatch_has_its_error() {
        assert!(matches!(row().get::<String>("other"), Err(Error::ColumnMissing { .. })));
        assert!(matches!(row().get::<String>("nothing"), Err(Error::ColumnNull { .. })));
        assert!(matches!(row().get::<String>("noise"), Err(Error::ColumnFormat { .. })));
        let Err(Error::ColumnFormat { column, expected, found }) = row().get::<Option<i64>>("name") else {
            panic!("not an error of format");
        };
        assert_eq!((column.as_str(), expected, found.as_str()), ("name", "a whole number in range", "a"));
    }

    #[test]
    fn one_row_is_neither_none_nor_two() {
        let set = |count| ResultSet::new([].into(), vec![row(); count], String::new());
        assert!(set(1).one().is_ok() && set(1).at_most_one().expect("one").is_some());
        assert!(matches!(set(0).one(), Err(Error::ResultShape { found: 0, .. })));
        assert!(matches!(set(2).at_most_one(), Err(Error::ResultShape { found: 2, .. })));
        assert!(set(0).at_most_one().expect("none").is_none());
    }
}
