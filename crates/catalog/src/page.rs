//! One page of a listing, and how many rows there are on all of them.

/// Which rows of a listing to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    first: u64,
    count: u32,
}

impl Page {
    /// Page `number`, counted from 1, of `size` rows. `None` when either is 0.
    pub fn new(number: u32, size: u32) -> Option<Self> {
        (number > 0 && size > 0).then(|| Self::rows(u64::from(number - 1) * u64::from(size), size))
    }

    /// The `count` rows from the one that `first` others come before.
    pub fn rows(first: u64, count: u32) -> Self {
        Self { first, count }
    }

    /// Rows before this page.
    pub(crate) fn offset(self) -> u64 {
        self.first
    }

    /// Most rows of it.
    pub(crate) fn limit(self) -> u64 {
        u64::from(self.count)
    }
}

/// Rows of one page, and the count over all pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paged<T> {
    /// The rows; empty beyond the last page.
    pub rows: Vec<T>,
    /// Rows on all pages together.
    pub total: u64,
}
