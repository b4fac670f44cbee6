//! How the page's bytes are shared, and which samples come first.

use std::collections::HashSet;

use super::gallery::Choice;
use super::prepared::Prepared;
use crate::{Error, Result};

/// Samples of one insight that come before all that are in none.
const FROM_EACH_INSIGHT: usize = 100;

/// What may still be used.
pub(super) struct Budget {
    left: usize,
}

impl Budget {
    /// What is left of `max_bytes` beside a page of `used` bytes.
    pub(super) fn new(max_bytes: usize, used: usize) -> Result<Self> {
        // The notes on what is held make a page some bytes longer.
        let left = max_bytes.checked_sub(used + 2_000).ok_or_else(|| {
            let expected = format!("at least {} for this table, even without pictures", used + 2_000);
            Error::config("max_bytes", expected, max_bytes.to_string())
        })?;
        Ok(Self { left })
    }

    /// A share of what is left, in percent.
    pub(super) fn share(&self, percent: usize) -> usize {
        self.left / 100 * percent
    }

    pub(super) fn take(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes);
    }
}

/// All rows, those first that someone will look at: with pictures, in the gallery, in insights (in turn), then by place.
pub(super) fn by_importance(report: &Prepared, choice: &Choice) -> Vec<usize> {
    let in_turn = (0..FROM_EACH_INSIGHT)
        .flat_map(|place| report.insights.iter().filter_map(move |insight| insight.samples.get(place).copied()));
    let first = report.pictures.iter().map(|picture| picture.row).chain(choice.rows()).chain(in_turn);
    let mut seen = HashSet::new();
    first.chain(0..report.table.rows.len()).filter(|row| seen.insert(*row)).collect()
}
