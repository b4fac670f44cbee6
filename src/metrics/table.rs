use std::fmt;

use super::probabilistic::ECE_BINS;
use super::{ClassReport, ClassificationReport, ConfusionMatrix, Estimate};

impl fmt::Display for Estimate {
    /// `0.849 [0.820, 0.877]`, without brackets if there is no interval, `-` if undefined.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.value, self.low.zip(self.high)) {
            (Some(value), Some((low, high))) => f.pad(&format!("{value:.3} [{low:.3}, {high:.3}]")),
            (Some(value), None) => f.pad(&format!("{value:.3}")),
            (None, _) => f.pad("-"),
        }
    }
}

impl fmt::Display for ConfusionMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["true \\ predicted"].into_iter().chain(self.labels().iter().map(String::as_str));
        let mut rows = vec![head.map(str::to_owned).collect()];
        for (label, counts) in self.labels().iter().zip(self.counts()) {
            rows.push([label.clone()].into_iter().chain(counts.iter().map(u64::to_string)).collect());
        }
        write_aligned(f, &rows)
    }
}

impl fmt::Display for ClassificationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (resamples, level) = (self.bootstrap.resamples, 100.0 * self.bootstrap.level);
        write!(f, "{} samples, {} classes", self.n, self.classes.len())?;
        match resamples {
            0 => writeln!(f, "\n")?,
            _ => writeln!(f, "; [{level} % interval of {resamples} resamples]\n")?,
        }
        write_aligned(f, &overall_rows(self))?;
        writeln!(f)?;
        let head = ["class", "support", "precision", "recall", "F1", "ROC-AUC", "PR-AUC"].map(str::to_owned).to_vec();
        let rows: Vec<Vec<String>> = [head].into_iter().chain(self.classes.iter().map(class_row)).collect();
        write_aligned(f, &rows)?;
        write!(f, "\n{}", self.confusion_matrix)
    }
}

fn overall_rows(report: &ClassificationReport) -> Vec<Vec<String>> {
    let ece = format!("ECE ({ECE_BINS} bins)");
    let rows = [
        ("accuracy", report.accuracy),
        ("balanced accuracy", report.balanced_accuracy),
        ("macro F1", report.macro_f1),
        ("MCC", report.mcc),
        ("Cohen's kappa", report.cohen_kappa),
        ("macro ROC-AUC", report.macro_roc_auc),
        ("macro PR-AUC", report.macro_pr_auc),
        ("log loss", report.log_loss),
        ("Brier score", report.brier),
        (&ece, report.ece),
    ];
    rows.iter().map(|(name, estimate)| vec![(*name).to_owned(), estimate.to_string()]).collect()
}

fn class_row(class: &ClassReport) -> Vec<String> {
    let estimates = [class.precision, class.recall, class.f1, class.roc_auc, class.pr_auc];
    let start = [class.label.clone(), class.support.to_string()];
    start.into_iter().chain(estimates.iter().map(Estimate::to_string)).collect()
}

/// Writes rows of equally many cells: the first column to the left, the others to the right, two blanks between.
fn write_aligned(f: &mut fmt::Formatter<'_>, rows: &[Vec<String>]) -> fmt::Result {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            match column {
                0 => write!(f, "{cell:<width$}")?,
                _ => write!(f, "  {cell:>width$}")?,
            }
        }
        writeln!(f)?;
    }
    Ok(())
}
