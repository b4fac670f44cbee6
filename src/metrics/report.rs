use serde::Serialize;

use super::scores::Scores;
use super::{Bootstrap, ConfusionMatrix, Estimate, Predictions, Resampled, Score};
use crate::Result;

/// All metrics of a run, each with its interval.
///
/// `Display` prints it as a plain ASCII table, serde writes it as JSON with undefined numbers as `null`. Unless a field
/// says otherwise the definitions are those of scikit-learn.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassificationReport {
    /// The number of samples.
    pub n: usize,
    /// How the intervals were made.
    pub bootstrap: Bootstrap,
    /// The share of samples predicted right, in [0, 1].
    pub accuracy: Estimate,
    /// The mean recall over the classes that occur, in [0, 1].
    pub balanced_accuracy: Estimate,
    /// The mean F1 over the classes that occur or were predicted, in [0, 1].
    pub macro_f1: Estimate,
    /// Matthews' correlation coefficient, in [-1, 1]; see [`ConfusionMatrix::mcc`].
    pub mcc: Estimate,
    /// Cohen's kappa, in [-1, 1]; see [`ConfusionMatrix::cohen_kappa`].
    pub cohen_kappa: Estimate,
    /// The mean of the classes' ROC-AUC, over those that have one, in [0, 1].
    pub macro_roc_auc: Estimate,
    /// The mean of the classes' PR-AUC, over those that have one, in [0, 1].
    pub macro_pr_auc: Estimate,
    /// The mean of minus the natural logarithm of the true class's probability, at least 0.
    ///
    /// Probabilities are clipped to [eps, 1 - eps] with the eps of `f64`.
    pub log_loss: Estimate,
    /// The mean over samples of the squared differences to the truth, *summed* over all classes, in [0, 2].
    ///
    /// This is Brier's form of 1950. For two classes it is twice the one-class form that is also in use.
    pub brier: Estimate,
    /// The expected calibration error of the predicted class, in [0, 1].
    ///
    /// Samples fall into 15 equally wide bins (lo, hi] of their top probability. The error is the mean over samples of the
    /// distance between accuracy and mean top probability in their bin (Guo et al., "On Calibration of Modern Neural
    /// Networks", ICML 2017).
    pub ece: Estimate,
    /// Each class against the rest, in the order of the labels.
    pub classes: Vec<ClassReport>,
    /// How often each class was taken for each other.
    pub confusion_matrix: ConfusionMatrix,
}

/// The metrics of one class against the rest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassReport {
    /// The class's name.
    pub label: String,
    /// Samples of the class.
    pub support: u64,
    /// Of the samples predicted as the class, the share that are, in [0, 1]; 0 if there are none.
    pub precision: Estimate,
    /// Of the samples of the class, the share that were found, in [0, 1]; 0 if there are none.
    pub recall: Estimate,
    /// The harmonic mean of precision and recall, in [0, 1]; 0 where both are 0.
    pub f1: Estimate,
    /// The area under the receiver operating characteristic, in [0, 1]; undefined if all or no samples are of the class.
    pub roc_auc: Estimate,
    /// The average precision, in [0, 1]; undefined if all or no samples are of the class.
    pub pr_auc: Estimate,
}

impl ClassificationReport {
    /// Scores `predictions` and every resample of them.
    ///
    /// Costs one sort for each class, then time in proportion to `resamples x n x classes`, spread over rayon's threads.
    /// The result has the same bits for any number of threads.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) if the bootstrap's level is not inside (0, 1).
    pub fn new(predictions: &Predictions, bootstrap: &Bootstrap) -> Result<Self> {
        Ok(Self::of(&Resampled::new(predictions, bootstrap)?, predictions))
    }

    /// The report of predictions that are scored already.
    pub(crate) fn of(scored: &Resampled, predictions: &Predictions) -> Self {
        let estimate = |score: Score| scored.estimate(&|scores| score.pick(scores));
        let confusion_matrix = predictions.confusion_matrix();
        Self {
            n: predictions.y_true().len(),
            bootstrap: *scored.bootstrap(),
            accuracy: estimate(Score::Accuracy),
            balanced_accuracy: estimate(Score::BalancedAccuracy),
            macro_f1: estimate(Score::MacroF1),
            mcc: estimate(Score::Mcc),
            cohen_kappa: estimate(Score::CohenKappa),
            macro_roc_auc: estimate(Score::MacroRocAuc),
            macro_pr_auc: estimate(Score::MacroPrAuc),
            log_loss: estimate(Score::LogLoss),
            brier: estimate(Score::Brier),
            ece: estimate(Score::Ece),
            classes: class_reports(&confusion_matrix, |pick| scored.estimate(pick)),
            confusion_matrix,
        }
    }
}

fn class_reports(
    confusion: &ConfusionMatrix,
    estimate: impl Fn(&dyn Fn(&Scores) -> Option<f64>) -> Estimate,
) -> Vec<ClassReport> {
    let classes = confusion.labels().iter().zip(confusion.support()).enumerate();
    let report = |(class, (label, support)): (usize, (&String, u64))| ClassReport {
        label: label.clone(),
        support,
        precision: zero_division(estimate(&|scores| scores.classes[class].precision)),
        recall: zero_division(estimate(&|scores| scores.classes[class].recall)),
        f1: zero_division(estimate(&|scores| scores.classes[class].f1)),
        roc_auc: estimate(&|scores| scores.classes[class].roc_auc),
        pr_auc: estimate(&|scores| scores.classes[class].pr_auc),
    };
    classes.map(report).collect()
}

/// 0 for a ratio of nothing to nothing, as scikit-learn's `zero_division=0`.
fn zero_division(estimate: Estimate) -> Estimate {
    Estimate { value: estimate.value.or(Some(0.0)), ..estimate }
}
