//! Which calls go wrong.

/// A call of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `put`
    Put,
    /// `get`
    Get,
    /// `get_range`
    GetRange,
    /// `get_from_medium`
    GetFromMedium,
    /// `size`
    Size,
    /// `list`
    List,
    /// `list_folder`
    ListFolder,
    /// `delete`
    Delete,
    /// `space`
    Space,
    /// `clock_seconds`
    ClockSeconds,
}

impl Operation {
    pub(super) fn verb(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Get | Self::GetRange | Self::GetFromMedium => "get",
            Self::Size | Self::Space => "measure",
            Self::List | Self::ListFolder => "list",
            Self::Delete => "delete",
            Self::ClockSeconds => "ask",
        }
    }
}

/// Chooses calls: of which kind, of which objects, and which of these in their order.
#[derive(Debug, Clone)]
pub struct Trigger {
    operation: Option<Operation>,
    part: String,
    skip: u64,
    times: u64,
}

impl Trigger {
    /// Every call.
    pub fn any() -> Self {
        Self { operation: None, part: String::new(), skip: 0, times: u64::MAX }
    }

    /// Every call of one kind.
    pub fn on(operation: Operation) -> Self {
        Self { operation: Some(operation), ..Self::any() }
    }

    /// Only for objects or folders whose name contains `part`.
    #[must_use]
    pub fn of(self, part: &str) -> Self {
        Self { part: part.to_owned(), ..self }
    }

    /// Only the `nth` of these calls, counted from 1.
    #[must_use]
    pub fn nth(self, nth: u64) -> Self {
        Self { skip: nth.saturating_sub(1), times: 1, ..self }
    }

    /// Only the first `count` of these calls.
    #[must_use]
    pub fn first(self, count: u64) -> Self {
        Self { skip: 0, times: count, ..self }
    }

    /// All but the first `count` of these calls.
    #[must_use]
    pub fn after(self, count: u64) -> Self {
        Self { skip: count, times: u64::MAX, ..self }
    }

    /// Whether this call is chosen; counts it.
    pub(super) fn meets(&mut self, operation: Operation, object: &str) -> bool {
        if self.operation.is_some_and(|wanted| wanted != operation) || !object.contains(&self.part) {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        if self.times == 0 {
            return false;
        }
        self.times -= 1;
        true
    }
}
