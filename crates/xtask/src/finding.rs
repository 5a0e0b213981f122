//! Something that breaks a rule, and where.

use std::fmt;

/// One broken rule. Displayed as compilers do, so that editors jump to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    path: String,
    line: Option<usize>,
    problem: String,
}

impl Finding {
    /// Of a whole file or folder.
    pub(crate) fn of(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), line: None, problem: problem.into() }
    }

    /// Of one line, counted from 1.
    pub(crate) fn at(path: impl Into<String>, line: usize, problem: impl Into<String>) -> Self {
        Self { line: Some(line), ..Self::of(path, problem) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(formatter, "{}:{line}: {}", self.path, self.problem),
            None => write!(formatter, "{}: {}", self.path, self.problem),
        }
    }
}
