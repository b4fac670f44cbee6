//! The clusters, as a table.

use super::ClusterFacts;
use super::numbers::{maybe, percent, thousands, three};
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

    pub(super) fn samples_text(&self) -> String {
        thousands(self.samples)
    }

    pub(super) fn accuracy_text(&self) -> String {
        self.accuracy.map_or_else(|| "–".to_owned(), percent)
    }

    pub(super) fn loss_text(&self) -> String {
        maybe(self.loss)
    }

    pub(super) fn purity_text(&self) -> String {
        three(self.facts.purity)
    }

    pub(super) fn silhouette_text(&self) -> String {
        three(self.facts.silhouette)
    }

    pub(super) fn stability_text(&self) -> String {
        three(self.facts.stability)
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
