//! The binder test's table and the shortcuts', as the page shows them.

use super::numbers::{LONGEST_TEXT, cut, maybe, p_value, place, thousands, three};
use super::prepared::Prepared;
use super::{CheckRow, CheckSummary, Shortcut};

/// Checks that passed are cut after so many; those that did not all stand there.
const MOST_PASSED: usize = 200;

/// The binder test.
pub(super) struct CheckTable {
    pub(super) passed: bool,
    pub(super) summary: String,
    pub(super) rows: Vec<CheckRow>,
    /// How many passed checks are not listed.
    pub(super) unlisted: String,
}

impl CheckTable {
    pub(super) fn of(report: &Prepared) -> Option<Self> {
        report.check.as_deref().map(Self::new)
    }

    fn new(check: &CheckSummary) -> Self {
        let mut passed = 0;
        let mut unlisted = 0;
        let mut rows = Vec::new();
        for row in &check.rows {
            passed += usize::from(row.status == "passed");
            if row.status == "passed" && passed > MOST_PASSED {
                unlisted += 1;
                continue;
            }
            let text = |text: &str| cut(text, LONGEST_TEXT);
            rows.push(CheckRow {
                name: text(&row.name),
                subset: text(&row.subset),
                status: text(&row.status),
                detail: text(&row.detail),
            });
        }
        Self {
            passed: check.passed,
            summary: cut(&check.summary, 4 * LONGEST_TEXT),
            rows,
            unlisted: if unlisted > 0 { thousands(unlisted) } else { String::new() },
        }
    }
}

/// One shortcut.
pub(super) struct ShortcutLine {
    pub(super) column: String,
    pub(super) measure: String,
    pub(super) score: String,
    pub(super) interval: String,
    pub(super) chance: String,
    pub(super) p: String,
    /// Chance and score in [0, 100].
    pub(super) bar: [f64; 2],
}

impl ShortcutLine {
    pub(super) fn new(shortcut: &Shortcut) -> Self {
        Self {
            column: cut(&shortcut.column, LONGEST_TEXT),
            measure: cut(&shortcut.measure, LONGEST_TEXT),
            score: maybe(Some(shortcut.score)),
            interval: shortcut
                .low
                .zip(shortcut.high)
                .map_or_else(String::new, |(low, high)| format!("{low:.3} – {high:.3}")),
            chance: three(Some(shortcut.chance)),
            p: shortcut.p_adjusted.map_or_else(|| "–".to_owned(), p_value),
            bar: [place(shortcut.chance), place(shortcut.score)],
        }
    }
}
