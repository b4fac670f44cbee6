//! What is wrong with a file, before its path is known, and the memory that reading its headers may take.

use std::path::Path;

use crate::{BoxError, Error};

/// Names and texts of a file are shown up to here.
const SHOWN: usize = 80;

/// The reason why a file is refused: what was expected, what was found.
#[derive(Debug)]
pub(super) struct Fault {
    expected: String,
    found: String,
    source: Option<BoxError>,
}

/// The result of reading a part of a file.
pub(super) type Parsed<T> = Result<T, Fault>;

impl Fault {
    pub(super) fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { expected: expected.into(), found: found.into(), source: None }
    }

    /// The same fault of the tensor `name`.
    pub(super) fn of(mut self, name: &str) -> Self {
        self.found = format!("{} in the tensor {}", self.found, shown(name));
        self
    }

    pub(super) fn caused_by(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The crate's error for the file at `path`.
    pub(super) fn at(self, path: &Path) -> Error {
        Error::Weights { path: path.to_owned(), expected: self.expected, found: self.found, source: self.source }
    }
}

/// A text of the file as an error shows it: control characters escaped, cut where it is long.
pub(super) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        short.push_str("...");
    }
    short
}

/// Lists `items`, the first ten of them by name.
pub(super) fn listed<T: AsRef<str>>(items: &[T]) -> String {
    const NAMED: usize = 10;
    let mut text = items.iter().take(NAMED).map(|item| shown(item.as_ref())).collect::<Vec<_>>().join(", ");
    if items.len() > NAMED {
        text.push_str(&format!(" and {} more", items.len() - NAMED));
    }
    text
}

/// How much memory the description of a file's tensors may take, so that a small file cannot ask for much.
///
/// Whoever stores something for each part of a file pays before storing it.
#[derive(Debug)]
pub(super) struct Budget {
    limit: usize,
    left: usize,
}

impl Budget {
    /// What the description of a network of a thousand tensors needs, twice over.
    const BASE: usize = 8 << 20;

    /// The budget of a file of `length` bytes: 8 MiB and an eighth of the file.
    pub(super) fn for_file(length: usize) -> Self {
        let limit = Self::BASE + length / 8;
        Self { limit, left: limit }
    }

    /// Takes `bytes` from what is left.
    pub(super) fn spend(&mut self, bytes: usize) -> Parsed<()> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                let expected = format!("a description of the tensors that fits into {} bytes of memory", self.limit);
                Err(Fault::new(expected, "one that needs more"))
            }
        }
    }

    /// Pays for one more `T` in a vector, whose room may be twice what it holds.
    pub(super) fn spend_item<T>(&mut self) -> Parsed<()> {
        self.spend(2 * size_of::<T>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_ends() {
        let mut budget = Budget::for_file(0);
        budget.spend(Budget::BASE).unwrap();
        assert!(budget.spend(1).is_err());
        assert!(budget.spend(usize::MAX).is_err());
        budget.spend(0).unwrap();
    }

    #[test]
    fn long_and_odd_names_are_shown_short_and_escaped() {
        assert_eq!(shown("conv.weight"), "conv.weight");
        assert_eq!(shown("a\nb"), "a\\nb");
        assert_eq!(shown(&"x".repeat(81)), format!("{}...", "x".repeat(80)));
        assert_eq!(listed(&["a"; 12]), "a, a, a, a, a, a, a, a, a, a and 2 more");
    }
}
