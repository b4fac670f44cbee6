use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::metrics::{Bootstrap, ClassificationReport, Predictions};

/// How good a model is on the validation samples; the definitions are [`ClassificationReport`]'s.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// The share of samples predicted right.
    pub accuracy: f64,
    /// The mean recall of the classes.
    pub balanced_accuracy: f64,
    /// The mean F1 of the classes.
    pub macro_f1: f64,
    /// Matthews' correlation coefficient.
    pub mcc: f64,
    /// The mean ROC-AUC of the classes; none where no class has one.
    pub macro_roc_auc: Option<f64>,
    /// Minus the mean logarithm of the true class's probability.
    pub log_loss: f64,
    /// The expected calibration error.
    pub ece: f64,
}

impl Scores {
    /// Scores of `predictions`.
    ///
    /// # Errors
    ///
    /// None that a value of the type can cause; as [`ClassificationReport::new`].
    pub fn of(predictions: &Predictions) -> Result<Self> {
        let report = ClassificationReport::new(predictions, &Bootstrap::NONE)?;
        let value = |estimate: crate::metrics::Estimate| estimate.value.unwrap_or_default();
        Ok(Self {
            accuracy: value(report.accuracy),
            balanced_accuracy: value(report.balanced_accuracy),
            macro_f1: value(report.macro_f1),
            mcc: value(report.mcc),
            macro_roc_auc: report.macro_roc_auc.value,
            log_loss: value(report.log_loss),
            ece: value(report.ece),
        })
    }
}

/// The validation score that tells a better epoch from a worse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Monitor {
    /// [`Scores::balanced_accuracy`]: every class counts the same.
    #[default]
    BalancedAccuracy,
    /// [`Scores::macro_f1`].
    MacroF1,
    /// [`Scores::mcc`].
    Mcc,
    /// [`Scores::macro_roc_auc`].
    MacroRocAuc,
    /// [`Scores::log_loss`]: smoother than what counts samples, and judges the probabilities too.
    LogLoss,
}

impl Monitor {
    /// The score, turned so that more is better.
    pub(super) fn goodness(self, scores: &Scores) -> f64 {
        match self {
            Self::BalancedAccuracy => scores.balanced_accuracy,
            Self::MacroF1 => scores.macro_f1,
            Self::Mcc => scores.mcc,
            Self::MacroRocAuc => scores.macro_roc_auc.unwrap_or(0.0),
            Self::LogLoss => -scores.log_loss,
        }
    }

    /// The score as it is named and meant.
    pub(super) fn value(self, scores: &Scores) -> f64 {
        if self == Self::LogLoss { scores.log_loss } else { self.goodness(scores) }
    }
}

impl fmt::Display for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::BalancedAccuracy => "balanced accuracy",
            Self::MacroF1 => "macro F1",
            Self::Mcc => "MCC",
            Self::MacroRocAuc => "macro ROC-AUC",
            Self::LogLoss => "log loss",
        })
    }
}
