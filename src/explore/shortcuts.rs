use rayon::prelude::*;
use serde::Serialize;

use super::columns::{Categories, Columns, Numbers, Values};
use super::insights::drawn_order;
use super::statistics::{
    Crosstab, benjamini_hochberg, label_entropy, mann_whitney, mutual_information, sorted_information,
};
use crate::evaluate::SampleTable;
use crate::metrics::arg_max;
use crate::{Error, Result};

/// The most intervals that numbers are cut into.
const INTERVALS: usize = 10;
/// How many samples of the smallest class an interval should hold, so that the chi-squared law can be trusted.
const LEAST_OF_CLASS: usize = 6;
/// Neighbours that the mutual information of numbers is estimated by.
const NEIGHBOURS: usize = 3;

/// How shortcuts are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShortcutOptions {
    /// Parts of the cross-validation, at least 2; 5 by default.
    pub folds: usize,
    /// Which samples go into which part; 0 by default.
    pub seed: u64,
}

impl Default for ShortcutOptions {
    fn default() -> Self {
        Self { folds: 5, seed: 0 }
    }
}

/// How well each metadata column alone tells the label.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Shortcuts {
    /// Every column that was tried, the best guess first. Look at those with a small `p_adjusted` and a score above `chance`.
    pub ranked: Vec<Shortcut>,
    /// Columns whose values stand for the classes one to one: the label by another name, or a marker that gives it away
    /// without fail. They are not ranked.
    pub label_copies: Vec<String>,
    /// The balanced accuracy of guessing: one over the number of classes that occur.
    pub chance: f64,
}

/// What one column says of the label.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Shortcut {
    /// The column.
    pub column: String,
    /// Mean recall over the classes of the column's guesses, on samples that it was not fitted to.
    pub balanced_accuracy: f64,
    /// Area under the ROC curve of each class against the rest, averaged over the classes, likewise.
    pub roc_auc: f64,
    /// Mutual information with the label as a share of the label's entropy, in [0, 1]; by nearest neighbours for numbers, and
    /// from counts (which is too much where there are many categories) otherwise.
    pub information: f64,
    /// Chi-squared test of the column's parts against the classes.
    pub p_value: f64,
    /// The same after Benjamini-Hochberg over all columns that were tried.
    pub p_adjusted: f64,
    /// Of the samples on which the column's guess is wrong, the share on which the model says the same; none where it never
    /// is wrong. Far above the model's rate of errors, the model follows the column.
    pub followed: Option<f64>,
}

/// Tries each metadata column alone as a predictor of the label, by stratified cross-validation.
///
/// The predictor looks up which class is commonest, relative to its size, in a column's part: one of two to ten intervals
/// between quantiles of the training samples (one for each six samples of the smallest class), a category, or "missing" (which may give the label away as well). Samples go into
/// folds by a hash of subset and id, so the order of the rows does not matter. Unlabelled samples are left out; with fewer
/// than two classes nothing is ranked.
///
/// Reading: a column that guesses well is a shortcut that a model may have learnt in place of the disease, whether it has
/// done so is what `followed` hints at. Deterministic for any number of threads.
///
/// # Errors
/// [`Error::Config`] for fewer than two folds, and as [`Columns::of`].
pub fn shortcuts(table: &SampleTable, options: &ShortcutOptions) -> Result<Shortcuts> {
    Columns::of(table)?.shortcuts(table, options)
}

impl Columns {
    /// [`shortcuts`] of the table that these columns were read from.
    ///
    /// # Errors
    /// [`Error::Config`] for fewer than two folds; [`Error::Argument`] for a table with another number of rows.
    pub fn shortcuts(&self, table: &SampleTable, options: &ShortcutOptions) -> Result<Shortcuts> {
        if options.folds < 2 {
            return Err(Error::config("folds", "at least 2", options.folds.to_string()));
        }
        if table.rows.len() != self.rows() {
            return Err(Error::argument(
                "Columns::shortcuts",
                format!("{} rows", self.rows()),
                table.rows.len().to_string(),
            ));
        }
        let task = Task::new(table, options);
        let tried = self.all().iter().filter(|column| column.is_useful() && task.classes > 1);
        let tried: Vec<_> = tried.collect();
        let mut ranked: Vec<Shortcut> =
            tried.par_iter().map(|column| task.try_column(&column.name, &column.values)).collect();
        let adjusted = benjamini_hochberg(&ranked.iter().map(|shortcut| shortcut.p_value).collect::<Vec<_>>());
        ranked.iter_mut().zip(adjusted).for_each(|(shortcut, adjusted)| shortcut.p_adjusted = adjusted);
        ranked
            .sort_by(|a, b| b.balanced_accuracy.total_cmp(&a.balanced_accuracy).then(b.roc_auc.total_cmp(&a.roc_auc)));
        let copies = self.all().iter().filter(|column| column.copies_label).map(|column| column.name.clone());
        Ok(Shortcuts { ranked, label_copies: copies.collect(), chance: 1.0 / task.classes.max(1) as f64 })
    }
}

/// The labelled samples and their folds.
struct Task {
    /// Row, label (among those that occur) and fold of each.
    samples: Vec<Sample>,
    classes: usize,
    sizes: Vec<f64>,
    entropy: f64,
    folds: usize,
    intervals: usize,
}

struct Sample {
    row: usize,
    label: usize,
    fold: usize,
    /// The model's prediction, where it is a class that occurs among the labels.
    prediction: Option<usize>,
}

impl Task {
    fn new(table: &SampleTable, options: &ShortcutOptions) -> Self {
        let mut known: Vec<usize> = table.rows.iter().filter_map(|row| row.label).collect();
        known.sort_unstable();
        known.dedup();
        let class = |label: usize| known.binary_search(&label).ok();
        let mut dealt = vec![0usize; known.len()];
        let mut samples: Vec<Sample> = Vec::new();
        for row in drawn_order(table, options.seed) {
            let Some(label) = table.rows[row].label.and_then(class) else { continue };
            let fold = dealt[label] % options.folds;
            dealt[label] += 1;
            samples.push(Sample { row, label, fold, prediction: class(table.rows[row].prediction) });
        }
        let labels: Vec<usize> = samples.iter().map(|sample| sample.label).collect();
        let sizes = dealt.iter().map(|&size| size as f64).collect();
        let intervals = (dealt.iter().copied().min().unwrap_or(0) / LEAST_OF_CLASS).clamp(2, INTERVALS);
        Self { intervals, classes: known.len(), sizes, entropy: label_entropy(&labels), samples, folds: options.folds }
    }

    fn try_column(&self, column: &str, values: &Values) -> Shortcut {
        let mut scores = vec![Vec::new(); self.samples.len()];
        for fold in 0..self.folds {
            let training = self.samples.iter().filter(|sample| sample.fold != fold);
            let parts = Parts::fit(values, training.map(|sample| sample.row), self.intervals);
            let table = self.weights(&parts, values, |sample| sample.fold != fold);
            for (sample, scores) in self.samples.iter().zip(&mut scores).filter(|(sample, _)| sample.fold == fold) {
                scores.clone_from(&table[parts.of(values, sample.row)]);
            }
        }
        let guesses: Vec<usize> = scores.iter().map(|scores| arg_max(scores)).collect();
        let mut right = vec![0.0; self.classes];
        let (mut missed, mut followed) = (0usize, 0usize);
        for (sample, &guess) in self.samples.iter().zip(&guesses) {
            if guess == sample.label {
                right[guess] += 1.0;
            } else {
                missed += 1;
                followed += usize::from(sample.prediction == Some(guess));
            }
        }
        let recall: f64 = right.iter().zip(&self.sizes).map(|(right, size)| right / size).sum();
        let parts = Parts::fit(values, self.samples.iter().map(|sample| sample.row), self.intervals);
        let pairs = self.samples.iter().map(|sample| (parts.of(values, sample.row), sample.label));
        Shortcut {
            column: column.to_owned(),
            balanced_accuracy: recall / self.classes as f64,
            roc_auc: (0..self.classes).map(|class| self.area(&scores, class)).sum::<f64>() / self.classes as f64,
            information: if self.entropy > 0.0 { (self.information(values) / self.entropy).min(1.0) } else { 0.0 },
            p_value: Crosstab::of(parts.count(), self.classes, pairs).association().p_value,
            p_adjusted: 1.0,
            followed: (missed > 0).then(|| followed as f64 / missed as f64),
        }
    }

    /// For each part the probability of each class if all classes were equally large, with one sample of prior belief.
    fn weights(&self, parts: &Parts, values: &Values, training: impl Fn(&Sample) -> bool) -> Vec<Vec<f64>> {
        let mut counts = vec![vec![0.0; self.classes]; parts.count()];
        let mut totals = vec![0.0f64; self.classes];
        for sample in self.samples.iter().filter(|sample| training(sample)) {
            counts[parts.of(values, sample.row)][sample.label] += 1.0;
            totals[sample.label] += 1.0;
        }
        let all: f64 = totals.iter().sum();
        for weights in &mut counts {
            let prior = 1.0 / all.max(1.0);
            weights.iter_mut().zip(&totals).for_each(|(count, &total)| *count = *count / total.max(1.0) + prior);
            let sum: f64 = weights.iter().sum();
            weights.iter_mut().for_each(|weight| *weight /= sum);
        }
        counts
    }

    fn area(&self, scores: &[Vec<f64>], class: usize) -> f64 {
        let of = |own: bool| -> Vec<f64> {
            let chosen = self.samples.iter().zip(scores).filter(|(sample, _)| (sample.label == class) == own);
            chosen.map(|(_, scores)| scores[class]).collect()
        };
        f64::midpoint(mann_whitney(&of(true), &of(false)).delta, 1.0)
    }

    fn information(&self, values: &Values) -> f64 {
        match values {
            Values::Numbers(numbers) => {
                let mut labels = vec![None; numbers.values.len()];
                self.samples.iter().for_each(|sample| labels[sample.row] = Some(sample.label));
                let pair = |&row: &u32| Some((numbers.values[row as usize], labels[row as usize]?));
                sorted_information(&numbers.order.iter().filter_map(pair).collect::<Vec<_>>(), NEIGHBOURS)
            }
            Values::Categories(categories) => {
                let known =
                    self.samples.iter().filter_map(|sample| Some((categories.codes[sample.row]?, sample.label)));
                let (codes, labels): (Vec<usize>, Vec<usize>) = known.unzip();
                mutual_information(&codes, &labels)
            }
        }
    }
}

/// How a column is cut into parts; the last part is "missing".
enum Parts {
    /// Between these bounds; a value equal to a bound lies above it.
    Intervals(Vec<f64>),
    Categories(usize),
}

impl Parts {
    fn fit(values: &Values, rows: impl Iterator<Item = usize>, intervals: usize) -> Self {
        match values {
            Values::Numbers(numbers) => Self::Intervals(bounds(numbers, rows, intervals)),
            Values::Categories(Categories { names, .. }) => Self::Categories(names.len()),
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::Intervals(bounds) => bounds.len() + 2,
            Self::Categories(categories) => categories + 1,
        }
    }

    fn of(&self, values: &Values, row: usize) -> usize {
        let part = match (self, values) {
            (Self::Intervals(bounds), Values::Numbers(numbers)) => {
                let value = Some(numbers.values[row]).filter(|value| value.is_finite());
                value.map(|value| bounds.partition_point(|&bound| bound <= value))
            }
            (Self::Categories(_), Values::Categories(categories)) => categories.codes[row],
            _ => None,
        };
        part.unwrap_or(self.count() - 1)
    }
}

/// Bounds that part the known values of some rows into up to `intervals` equal shares; equal values stay together.
fn bounds(numbers: &Numbers, rows: impl Iterator<Item = usize>, intervals: usize) -> Vec<f64> {
    let mut among = vec![false; numbers.values.len()];
    rows.for_each(|row| among[row] = true);
    let sorted: Vec<f64> =
        numbers.order.iter().filter(|&&row| among[row as usize]).map(|&row| numbers.values[row as usize]).collect();
    let mut bounds: Vec<f64> = Vec::new();
    for part in 1..intervals {
        let place = part * sorted.len() / intervals;
        // Above all values equal to the smallest, so that no interval is empty.
        if let Some(&bound) = sorted.get(place).filter(|&&bound| bound > sorted[0] && bounds.last() != Some(&bound)) {
            bounds.push(bound);
        }
    }
    // Mostly one value: part what lies above it.
    if bounds.is_empty()
        && let Some(&above) = sorted.iter().find(|&&value| value > sorted[0])
    {
        bounds.push(above);
    }
    bounds
}
