use serde::Serialize;

use super::Predictions;

/// How often each class was taken for each other: rows are true classes, columns predicted ones.
///
/// All metrics that need decisions only, not probabilities, are computed from it, with scikit-learn's names. Printed, it is
/// a labelled table. It never counts fewer than one sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfusionMatrix {
    labels: Vec<String>,
    counts: Vec<Vec<u64>>,
}

/// One class against all others.
pub(super) struct OneVsRest {
    /// Samples of the class that were predicted as the class.
    hits: u64,
    /// Samples of the class.
    support: u64,
    /// Samples predicted as the class.
    predicted: u64,
}

impl OneVsRest {
    /// Of the samples predicted as the class, the share that are; `None` if the class was never predicted.
    pub(super) fn precision(&self) -> Option<f64> {
        ratio(self.hits, self.predicted)
    }

    /// Of the samples of the class, the share that were found; `None` if the class does not occur.
    pub(super) fn recall(&self) -> Option<f64> {
        ratio(self.hits, self.support)
    }

    /// The harmonic mean of both; `None` if the class neither occurs nor was predicted.
    pub(super) fn f1(&self) -> Option<f64> {
        ratio(2 * self.hits, self.support + self.predicted)
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The mean of the values that are defined; `None` if none is.
pub(super) fn mean_of_defined(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let (sum, n) = values.flatten().fold((0.0, 0u32), |(sum, n), value| (sum + value, n + 1));
    (n > 0).then(|| sum / f64::from(n))
}

impl ConfusionMatrix {
    /// Counts sample `i` as `counts[i]` samples.
    pub(super) fn weighted(predictions: &Predictions, counts: &[u64]) -> Self {
        let labels = predictions.labels().to_vec();
        let mut matrix = vec![vec![0; labels.len()]; labels.len()];
        for ((&class, &predicted), count) in predictions.y_true().iter().zip(predictions.y_pred()).zip(counts) {
            matrix[class][predicted] += count;
        }
        Self { labels, counts: matrix }
    }

    /// A square matrix that was counted elsewhere.
    pub(super) fn from_counts(labels: Vec<String>, counts: Vec<Vec<u64>>) -> Self {
        Self { labels, counts }
    }

    /// The classes' names in the order of rows and columns.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The counts: `counts()[t][p]` samples of class `t` were predicted as class `p`.
    pub fn counts(&self) -> &[Vec<u64>] {
        &self.counts
    }

    /// The number of samples.
    pub fn n(&self) -> u64 {
        self.counts.iter().flatten().sum()
    }

    /// Samples of each class.
    pub fn support(&self) -> Vec<u64> {
        self.counts.iter().map(|row| row.iter().sum()).collect()
    }

    /// Samples predicted as each class.
    pub fn predicted(&self) -> Vec<u64> {
        (0..self.labels.len()).map(|class| self.counts.iter().map(|row| row[class]).sum()).collect()
    }

    /// Each class against the others.
    pub(super) fn one_vs_rest(&self) -> impl Iterator<Item = OneVsRest> {
        let margins = self.support().into_iter().zip(self.predicted()).enumerate();
        margins.map(|(class, (support, predicted))| OneVsRest { hits: self.counts[class][class], support, predicted })
    }

    /// Precision of each class, in [0, 1]; 0 for a class that was never predicted.
    pub fn precision(&self) -> Vec<f64> {
        self.one_vs_rest().map(|class| class.precision().unwrap_or(0.0)).collect()
    }

    /// Recall (sensitivity) of each class, in [0, 1]; 0 for a class that does not occur.
    pub fn recall(&self) -> Vec<f64> {
        self.one_vs_rest().map(|class| class.recall().unwrap_or(0.0)).collect()
    }

    /// F1 of each class, the harmonic mean of precision and recall, in [0, 1]; 0 where both are 0.
    pub fn f1(&self) -> Vec<f64> {
        self.one_vs_rest().map(|class| class.f1().unwrap_or(0.0)).collect()
    }

    /// The share of samples predicted right, in [0, 1].
    pub fn accuracy(&self) -> f64 {
        self.hits() / self.n() as f64
    }

    /// The mean recall over the classes that occur, in [0, 1].
    pub fn balanced_accuracy(&self) -> f64 {
        mean_of_defined(self.one_vs_rest().map(|class| class.recall())).unwrap_or(0.0)
    }

    /// The mean F1 over the classes that occur or were predicted, in [0, 1], as scikit-learn takes it by default.
    pub fn macro_f1(&self) -> f64 {
        mean_of_defined(self.one_vs_rest().map(|class| class.f1())).unwrap_or(0.0)
    }

    /// Matthews' correlation coefficient for any number of classes, in [-1, 1]; 0 for decisions at random, and where it is
    /// undefined because only one class occurs or only one was predicted.
    ///
    /// Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient", 2004.
    pub fn mcc(&self) -> f64 {
        let (n, support, predicted) = (self.n() as f64, self.support(), self.predicted());
        let spread = (n * n - dot(&support, &support)) * (n * n - dot(&predicted, &predicted));
        if spread == 0.0 { 0.0 } else { (self.hits() * n - dot(&support, &predicted)) / spread.sqrt() }
    }

    /// Cohen's kappa without weights: agreement beyond chance, in [-1, 1].
    ///
    /// `None` where only one class occurs and only that one was predicted, since chance then agrees fully.
    pub fn cohen_kappa(&self) -> Option<f64> {
        let n = self.n() as f64;
        let by_chance = n * n - dot(&self.support(), &self.predicted());
        (by_chance != 0.0).then(|| 1.0 - n * (n - self.hits()) / by_chance)
    }

    /// Samples predicted right.
    fn hits(&self) -> f64 {
        self.counts.iter().enumerate().map(|(class, row)| row[class]).sum::<u64>() as f64
    }
}

/// The scalar product, in floats: squares of counts may leave `u64`.
fn dot(a: &[u64], b: &[u64]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| a as f64 * b as f64).sum()
}
