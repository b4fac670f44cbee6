//! The reliability diagram: how often the predicted class is right, by how probable the model held it.

use super::numbers::{counted, percent, thousands};
use crate::contract::DataState;
use crate::evaluate::SampleTable;

/// As many bins as the expected calibration error has.
const BINS: usize = 15;

/// The diagram's side in SVG units, which hold the unit square.
const SIDE: f64 = 200.0;

/// One subset's diagram.
pub(super) struct Reliability {
    pub(super) subset: &'static str,
    pub(super) samples: String,
    pub(super) bins: Vec<Bin>,
    /// In words, for those who do not see it.
    pub(super) summary: String,
}

/// The samples whose top probability is in (lo, hi].
pub(super) struct Bin {
    pub(super) x: f64,
    pub(super) y: f64,
    /// Where the diagonal is below or above it.
    pub(super) even: f64,
    pub(super) radius: f64,
    pub(super) title: String,
}

impl Reliability {
    /// The diagram of each subset that has labelled samples, in contract order.
    pub(super) fn of(table: &SampleTable) -> Vec<Self> {
        DataState::ALL.into_iter().filter_map(|state| Self::of_subset(table, state)).collect()
    }

    fn of_subset(table: &SampleTable, state: DataState) -> Option<Self> {
        let mut sums = [(0usize, 0usize, 0.0f64); BINS];
        for row in table.rows.iter().filter(|row| row.state == state) {
            let Some(label) = row.label else { continue };
            let Some(&confidence) = row.probabilities.get(row.prediction) else { continue };
            if !confidence.is_finite() {
                continue;
            }
            let (count, right, sum) = &mut sums[bin(confidence)];
            *count += 1;
            *right += usize::from(label == row.prediction);
            *sum += confidence;
        }
        let samples: usize = sums.iter().map(|(count, ..)| count).sum();
        let bins: Vec<Bin> =
            sums.into_iter().filter(|(count, ..)| *count > 0).map(|sums| Bin::new(sums, samples)).collect();
        (samples > 0).then(|| Self {
            subset: state.as_str(),
            samples: thousands(samples),
            summary: bins.iter().map(|bin| bin.title.as_str()).collect::<Vec<_>>().join("; "),
            bins,
        })
    }
}

impl Bin {
    fn new((count, right, sum): (usize, usize, f64), samples: usize) -> Self {
        let (confidence, accuracy) = (sum / count as f64, right as f64 / count as f64);
        let tenth = |value: f64| (10.0 * value).round() / 10.0;
        Self {
            x: tenth(SIDE * confidence),
            y: tenth(SIDE * (1.0 - accuracy)),
            even: tenth(SIDE * (1.0 - confidence)),
            radius: tenth(2.5 + 9.0 * (count as f64 / samples as f64).sqrt()),
            title: format!(
                "{}: held {} probable, {} right",
                counted(count, "sample"),
                percent(confidence),
                percent(accuracy)
            ),
        }
    }
}

/// Bin m of M holds (m/M, (m+1)/M], as the expected calibration error has it.
fn bin(confidence: f64) -> usize {
    (1..BINS).filter(|&edge| confidence > edge as f64 / BINS as f64).count()
}
