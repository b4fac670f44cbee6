//! The clusters, as a table.

use super::ClusterFacts;
use super::numbers::{LONGEST_TEXT, cut, maybe, percent, thousands, three};
use super::prepared::Prepared;

/// One cluster: what its samples say, and what the caller knows.
#[derive(Debug, Clone, Default)]
pub(super) struct ClusterLine {
    pub(super) cluster: usize,
    pub(super) samples: usize,
    pub(super) accuracy: Option<f64>,
    pub(super) loss: Option<f64>,
    pub(super) facts: ClusterFacts,
}

impl ClusterLine {
    /// All clusters that have samples or facts, by number.
    pub(super) fn all(report: &Prepared) -> Vec<Self> {
        let Some((labels, facts)) = &report.clusters else { return Vec::new() };
        let mut numbers: Vec<usize> =
            labels.iter().flatten().copied().chain(facts.iter().map(|facts| facts.cluster)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut sums = vec![Sums::default(); numbers.len()];
        for (row, label) in labels.iter().enumerate() {
            let Some(place) = label.and_then(|label| numbers.binary_search(&label).ok()) else { continue };
            sums[place].add(report, row);
        }
        let line = |(cluster, sums): (usize, Sums)| Self {
            cluster,
            samples: sums.samples,
            accuracy: mean(sums.right as f64, sums.labelled),
            loss: mean(sums.loss, sums.with_loss),
            facts: facts.iter().find(|facts| facts.cluster == cluster).cloned().unwrap_or_default(),
        };
        numbers.into_iter().zip(sums).map(line).collect()
    }

    /// What sets it apart, in a line.
    pub(super) fn features(&self) -> String {
        self.facts.features.iter().map(|(_, words)| words.as_str()).collect::<Vec<_>>().join("; ")
    }
}

/// The clusters as the page shows them, with the columns of which something is known.
pub(super) struct ClusterTable {
    pub(super) heads: Vec<&'static str>,
    pub(super) lines: Vec<Line>,
    /// Whether anything sets any of them apart.
    pub(super) features: bool,
}

/// One cluster's cells.
pub(super) struct Line {
    pub(super) cluster: usize,
    pub(super) samples: String,
    pub(super) cells: Vec<String>,
    pub(super) features: String,
}

impl ClusterTable {
    pub(super) fn of(report: &Prepared) -> Self {
        type Column = (&'static str, fn(&ClusterLine) -> Option<f64>, fn(f64) -> String);
        let exact = |value| three(Some(value));
        let columns: [Column; 5] = [
            ("right", |line| line.accuracy, percent),
            ("mean loss", |line| line.loss, |value| maybe(Some(value))),
            ("purity", |line| line.facts.purity, exact),
            ("silhouette", |line| line.facts.silhouette, exact),
            ("stability", |line| line.facts.stability, exact),
        ];
        let all = ClusterLine::all(report);
        let known = columns.into_iter().filter(|(_, value, _)| all.iter().any(|line| value(line).is_some()));
        let known: Vec<Column> = known.collect();
        let cell = |line: &ClusterLine, (_, value, text): &Column| value(line).map_or_else(|| "–".to_owned(), text);
        let line = |line: &ClusterLine| Line {
            cluster: line.cluster,
            samples: thousands(line.samples),
            cells: known.iter().map(|column| cell(line, column)).collect(),
            features: cut(&line.features(), LONGEST_TEXT),
        };
        Self {
            heads: known.iter().map(|(head, ..)| *head).collect(),
            features: all.iter().any(|line| !line.facts.features.is_empty()),
            lines: all.iter().map(line).collect(),
        }
    }
}

#[derive(Clone, Default)]
struct Sums {
    samples: usize,
    labelled: usize,
    right: usize,
    with_loss: usize,
    loss: f64,
}

impl Sums {
    fn add(&mut self, report: &Prepared, place: usize) {
        let row = &report.table.rows[place];
        self.samples += 1;
        if let Some(label) = row.label {
            self.labelled += 1;
            self.right += usize::from(label == row.prediction);
        }
        if let Some(loss) = report.loss(place) {
            self.with_loss += 1;
            self.loss += loss;
        }
    }
}

fn mean(sum: f64, count: usize) -> Option<f64> {
    (count > 0).then(|| sum / count as f64)
}
