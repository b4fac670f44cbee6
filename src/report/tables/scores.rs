//! The tables of metrics, confusions and checks.

use super::super::headline::METRICS;
use super::super::prepared::Prepared;
use super::sheet::Sheet;
use super::sheets::{numbers, sheet, texts, wholes};
use crate::metrics::{ClassReport, Estimate};

/// One line of the metrics: subset, class, metric, estimate.
type Score<'a> = (&'static str, &'a str, &'static str, &'a Estimate);

/// One line of the confusions: subset, true class, predicted class, count.
type Confusion<'a> = (&'static str, &'a str, &'a str, u64);

/// The metrics of each subset, then those of its classes. The class is empty for what all classes share.
pub(super) fn metrics(report: &Prepared) -> Sheet {
    let mut all: Vec<Score> = Vec::new();
    for (state, scores) in report.metrics {
        let state = state.as_str();
        all.extend(METRICS.iter().map(|(code, _, pick, _)| (state, "", *code, pick(scores))));
        all.extend(scores.classes.iter().flat_map(|class| {
            let ClassReport { label, precision, recall, f1, roc_auc, pr_auc, .. } = class;
            let named = [precision, recall, f1, roc_auc, pr_auc];
            let names = ["precision", "recall", "f1", "roc_auc", "pr_auc"];
            names.into_iter().zip(named).map(move |(name, estimate)| (state, label.as_str(), name, estimate))
        }));
    }
    sheet(
        "metrics",
        vec![
            ("subset", texts(&all, |score| score.0.to_owned())),
            ("class", texts(&all, |score| score.1.to_owned())),
            ("metric", texts(&all, |score| score.2.to_owned())),
            ("value", numbers(&all, |score| score.3.value)),
            ("low", numbers(&all, |score| score.3.low)),
            ("high", numbers(&all, |score| score.3.high)),
        ],
    )
}

/// The confusion matrix of each subset, cell by cell.
pub(super) fn confusion(report: &Prepared) -> Sheet {
    let mut all: Vec<Confusion> = Vec::new();
    for (state, scores) in report.metrics {
        let labels = scores.confusion_matrix.labels();
        for (truth, counts) in labels.iter().zip(scores.confusion_matrix.counts()) {
            let cell = |(label, &count): (_, &u64)| (state.as_str(), truth.as_str(), String::as_str(label), count);
            all.extend(labels.iter().zip(counts).map(cell));
        }
    }
    sheet(
        "confusion",
        vec![
            ("subset", texts(&all, |cell| cell.0.to_owned())),
            ("true", texts(&all, |cell| cell.1.to_owned())),
            ("predicted", texts(&all, |cell| cell.2.to_owned())),
            ("count", wholes(&all, |cell| usize::try_from(cell.3).ok())),
        ],
    )
}

/// The binder test, check by check.
pub(super) fn check(report: &Prepared) -> Option<Sheet> {
    let rows = &report.check.as_ref()?.rows;
    Some(sheet(
        "check",
        vec![
            ("check", texts(rows, |row| row.name.clone())),
            ("subset", texts(rows, |row| row.subset.clone())),
            ("status", texts(rows, |row| row.status.clone())),
            ("detail", texts(rows, |row| row.detail.clone())),
        ],
    ))
}
