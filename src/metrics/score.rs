use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::scores::Scores;
use super::{ClassificationReport, Estimate};
use crate::{Error, Result};

/// One of the metrics of a [`ClassificationReport`], chosen by name: to rank by, to stop by, to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Score {
    /// [`ClassificationReport::accuracy`].
    Accuracy,
    /// [`ClassificationReport::balanced_accuracy`].
    #[default]
    BalancedAccuracy,
    /// [`ClassificationReport::macro_f1`].
    MacroF1,
    /// [`ClassificationReport::mcc`].
    Mcc,
    /// [`ClassificationReport::cohen_kappa`].
    CohenKappa,
    /// [`ClassificationReport::macro_roc_auc`].
    MacroRocAuc,
    /// [`ClassificationReport::macro_pr_auc`].
    MacroPrAuc,
    /// [`ClassificationReport::log_loss`].
    LogLoss,
    /// [`ClassificationReport::brier`].
    Brier,
    /// [`ClassificationReport::ece`].
    Ece,
}

impl Score {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 10] = [
        Self::Accuracy,
        Self::BalancedAccuracy,
        Self::MacroF1,
        Self::Mcc,
        Self::CohenKappa,
        Self::MacroRocAuc,
        Self::MacroPrAuc,
        Self::LogLoss,
        Self::Brier,
        Self::Ece,
    ];

    /// The name in JSON, in tables and on command lines: that of the report's field.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::BalancedAccuracy => "balanced_accuracy",
            Self::MacroF1 => "macro_f1",
            Self::Mcc => "mcc",
            Self::CohenKappa => "cohen_kappa",
            Self::MacroRocAuc => "macro_roc_auc",
            Self::MacroPrAuc => "macro_pr_auc",
            Self::LogLoss => "log_loss",
            Self::Brier => "brier",
            Self::Ece => "ece",
        }
    }

    /// The name in sentences and printed tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::BalancedAccuracy => "balanced accuracy",
            Self::MacroF1 => "macro F1",
            Self::Mcc => "MCC",
            Self::CohenKappa => "Cohen's kappa",
            Self::MacroRocAuc => "macro ROC-AUC",
            Self::MacroPrAuc => "macro PR-AUC",
            Self::LogLoss => "log loss",
            Self::Brier => "Brier score",
            Self::Ece => "ECE (15 bins)",
        }
    }

    /// Whether more is better; not so for the log loss, the Brier score and the ECE.
    pub const fn higher_is_better(self) -> bool {
        !matches!(self, Self::LogLoss | Self::Brier | Self::Ece)
    }

    /// Its estimate in a report.
    pub const fn of(self, report: &ClassificationReport) -> Estimate {
        match self {
            Self::Accuracy => report.accuracy,
            Self::BalancedAccuracy => report.balanced_accuracy,
            Self::MacroF1 => report.macro_f1,
            Self::Mcc => report.mcc,
            Self::CohenKappa => report.cohen_kappa,
            Self::MacroRocAuc => report.macro_roc_auc,
            Self::MacroPrAuc => report.macro_pr_auc,
            Self::LogLoss => report.log_loss,
            Self::Brier => report.brier,
            Self::Ece => report.ece,
        }
    }

    /// Its value in one (re)sample.
    pub(super) const fn pick(self, scores: &Scores) -> Option<f64> {
        match self {
            Self::Accuracy => Some(scores.accuracy),
            Self::BalancedAccuracy => Some(scores.balanced_accuracy),
            Self::MacroF1 => Some(scores.macro_f1),
            Self::Mcc => Some(scores.mcc),
            Self::CohenKappa => scores.cohen_kappa,
            Self::MacroRocAuc => scores.macro_roc_auc,
            Self::MacroPrAuc => scores.macro_pr_auc,
            Self::LogLoss => Some(scores.log_loss),
            Self::Brier => Some(scores.brier),
            Self::Ece => Some(scores.ece),
        }
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Score {
    type Err = Error;

    /// Reads what [`Score::as_str`] gives.
    fn from_str(text: &str) -> Result<Self> {
        let known = Self::ALL.map(Self::as_str);
        let found = Self::ALL.into_iter().find(|score| score.as_str() == text);
        found.ok_or_else(|| Error::config("score", format!("one of {known:?}"), format!("{text:?}")))
    }
}
