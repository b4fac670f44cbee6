//! The columns of a histogram: `pixels_count_0` to `pixels_count_255`, or any family named `<name>_<number>`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::columns::numeric;
use super::json::{base64, floats, longs};
use crate::contract::MetadataValue;
use crate::evaluate::{SampleRow, SampleTable};

/// Fewer bins make no curve.
const FEWEST_BINS: usize = 16;

/// Metadata columns that count the same thing bin by bin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Family {
    /// What they are all called, for example `pixels_count`.
    pub(super) name: String,
    /// The number of the first bin.
    pub(super) first: usize,
    /// The columns' places, bin by bin.
    pub(super) places: Vec<usize>,
}

/// Histograms of some samples, packed: `root` holds `255 sqrt(count / largest)` for each bin, rounded, so that low bins
/// beside a high one keep their height.
#[derive(Debug, Serialize)]
pub(super) struct PackedFamily {
    name: String,
    first: usize,
    bins: usize,
    /// Rows, u32, ascending.
    rows: String,
    /// The largest count of each, f32.
    largest: String,
    roots: String,
}

impl Family {
    /// The largest family whose numbers follow one another without a gap; the first by name and number among equals.
    pub(super) fn find(table: &SampleTable) -> Option<Self> {
        let mut families: BTreeMap<&str, BTreeMap<usize, usize>> = BTreeMap::new();
        for (place, column) in table.metadata.iter().enumerate() {
            if let Some((name, text)) = column.rsplit_once('_')
                && let Ok(number) = text.parse::<usize>()
                && number.to_string() == text
            {
                families.entry(name).or_default().entry(number).or_insert(place);
            }
        }
        let mut best: Option<Self> = None;
        for (name, bins) in families {
            let bins: Vec<(usize, usize)> = bins.into_iter().collect();
            for run in bins.chunk_by(|a, b| a.0.checked_add(1) == Some(b.0)).filter(|run| run.len() >= FEWEST_BINS) {
                if best.as_ref().is_none_or(|best| run.len() > best.places.len()) {
                    let places = run.iter().map(|&(_, place)| place).collect();
                    best = Some(Self { name: name.to_owned(), first: run[0].0, places });
                }
            }
        }
        best
    }

    /// A sample's counts; none if one is missing or negative.
    pub(super) fn counts(&self, row: &SampleRow) -> Option<Vec<f64>> {
        let count = |&place: &usize| row.metadata.get(place).and_then(numeric).filter(|count| *count >= 0.0);
        self.places.iter().map(count).collect()
    }

    /// Whether nothing is known of any sample.
    pub(super) fn is_empty(&self, table: &SampleTable) -> bool {
        let known = |row: &SampleRow| self.places.iter().any(|&place| row.metadata.get(place).is_some_and(known));
        !table.rows.iter().any(known)
    }

    /// Roughly how many bytes one sample takes on the page.
    pub(super) fn bytes_each(&self) -> usize {
        (self.places.len() + 8) * 4 / 3 + 4
    }

    /// The histograms of these rows; those without one are left out. Gives how many there are.
    pub(super) fn pack(&self, table: &SampleTable, mut rows: Vec<usize>) -> (PackedFamily, usize) {
        rows.sort_unstable();
        let (mut held, mut largest, mut roots) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            let Some(counts) = table.rows.get(row).and_then(|row| self.counts(row)) else { continue };
            let top = counts.iter().copied().fold(0.0, f64::max);
            let root = |count: f64| if top > 0.0 { (255.0 * (count / top).sqrt()).round() as u8 } else { 0 };
            held.push(row);
            largest.push(top);
            roots.extend(counts.into_iter().map(root));
        }
        let count = held.len();
        let packed = PackedFamily {
            name: self.name.clone(),
            first: self.first,
            bins: self.places.len(),
            rows: longs(held.into_iter().map(Some)),
            largest: floats(largest.into_iter().map(Some)),
            roots: base64(&roots),
        };
        (packed, count)
    }
}

fn known(value: &MetadataValue) -> bool {
    numeric(value).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(columns: impl IntoIterator<Item = String>) -> Option<(String, usize, Vec<usize>)> {
        let mut table = SampleTable::new(["a", "b"]);
        table.metadata = columns.into_iter().collect();
        Family::find(&table).map(|family| (family.name, family.first, family.places))
    }

    #[test]
    fn the_longest_run_is_the_family() {
        let bins = |from: usize, to: usize| (from..to).map(|bin| format!("x_{bin}"));
        let far = ["x_18446744073709551615".to_owned(), "x_007".to_owned(), "x_+8".to_owned(), "x".to_owned()];
        assert_eq!(found(far.clone()), None);
        assert_eq!(found(bins(0, 15)), None);
        let all: Vec<usize> = (4..20).collect();
        assert_eq!(found(far.into_iter().chain(bins(0, 16))), Some(("x".to_owned(), 0, all)));
        let second: Vec<usize> = (16..33).collect();
        assert_eq!(found(bins(0, 16).chain(bins(20, 37))), Some(("x".to_owned(), 20, second)));
    }
}
