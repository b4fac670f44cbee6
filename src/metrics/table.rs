use std::fmt;

use super::{ClassReport, ClassificationReport, ConfusionMatrix, Estimate, Score};

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
        let head = [&["true \\ predicted".to_owned()], self.labels()].concat();
        let row = |(label, counts): (&String, &Vec<u64>)| {
            [label.clone()].into_iter().chain(counts.iter().map(u64::to_string)).collect()
        };
        let rows: Vec<Vec<String>> =
            [head].into_iter().chain(self.labels().iter().zip(self.counts()).map(row)).collect();
        f.write_str(&aligned(&rows))
    }
}

impl fmt::Display for ClassificationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} samples, {} classes", self.n, self.classes.len())?;
        if self.bootstrap.resamples > 0 {
            write!(f, "; [{} % interval of {} resamples]", 100.0 * self.bootstrap.level, self.bootstrap.resamples)?;
        }
        let head = ["class", "support", "precision", "recall", "F1", "ROC-AUC", "PR-AUC"].map(str::to_owned).to_vec();
        let classes: Vec<Vec<String>> = [head].into_iter().chain(self.classes.iter().map(class_row)).collect();
        write!(f, "\n\n{}\n\n{}\n\n{}", aligned(&overall_rows(self)), aligned(&classes), self.confusion_matrix)
    }
}

fn overall_rows(report: &ClassificationReport) -> Vec<Vec<String>> {
    Score::ALL.iter().map(|score| vec![score.to_string(), score.of(report).to_string()]).collect()
}

fn class_row(class: &ClassReport) -> Vec<String> {
    let estimates = [class.precision, class.recall, class.f1, class.roc_auc, class.pr_auc];
    let start = [class.label.clone(), class.support.to_string()];
    start.into_iter().chain(estimates.iter().map(Estimate::to_string)).collect()
}

/// Rows of equally many cells as lines: the first column to the left, the others to the right, two blanks between.
pub(crate) fn aligned(rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        row.iter().zip(&mut widths).for_each(|(cell, width)| *width = cell.chars().count().max(*width));
    }
    let line = |row: &Vec<String>| -> String {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("  {cell:>width$}"),
        });
        cells.collect()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
