//! Metrics, confusion matrices and the table's counts, as the headline shows them.

use super::numbers::{LONGEST_TEXT, counted, cut, interval, percent, place, thousands, three};
use super::prepared::Prepared;
use crate::contract::DataState;
use crate::metrics::{ClassificationReport, Estimate};

/// Everything that the headline computes.
pub(super) struct Headline {
    /// In one line: how many samples, in which subsets, how many right.
    pub(super) counts: Vec<(String, String)>,
    pub(super) subsets: Vec<SubsetHead>,
    /// One row for each metric, one cell for each subset.
    pub(super) metrics: Vec<(&'static str, Vec<Cell>)>,
    /// How the intervals were made.
    pub(super) intervals: String,
}

/// A subset with metrics.
pub(super) struct SubsetHead {
    pub(super) name: &'static str,
    pub(super) samples: String,
    pub(super) labels: Vec<String>,
    pub(super) confusion: Vec<ConfusionRow>,
    pub(super) classes: Vec<(String, String, Vec<Cell>)>,
}

/// A row of a confusion matrix: the true class, and for each predicted class count, share and shade.
pub(super) struct ConfusionRow {
    pub(super) label: String,
    pub(super) cells: Vec<ConfusionCell>,
}

pub(super) struct ConfusionCell {
    pub(super) count: String,
    pub(super) share: String,
    /// 0 to 10.
    pub(super) shade: usize,
    pub(super) right: bool,
    pub(super) title: String,
}

/// An estimate.
pub(super) struct Cell {
    pub(super) value: String,
    pub(super) interval: String,
    /// Value, low and high as places in [0, 100], for metrics that have two ends.
    pub(super) bar: Option<[f64; 3]>,
    /// Whether the bar begins at -1, so that 0 is in its middle.
    pub(super) signed: bool,
}

/// Classes beyond these make a matrix that no page holds; their counts are in the tables.
const MOST_CLASSES: usize = 30;

/// Between which values a metric lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// 0 and 1.
    Unit,
    /// -1 and 1.
    Signed,
    /// 0 and anything.
    Open,
}

/// A metric's name in tables and on the page, where it stands, and its scale.
pub(super) type Metric = (&'static str, &'static str, fn(&ClassificationReport) -> &Estimate, Scale);

/// The metrics of a subset, in the order in which they are shown.
pub(super) const METRICS: [Metric; 10] = [
    ("balanced_accuracy", "balanced accuracy", |r| &r.balanced_accuracy, Scale::Unit),
    ("accuracy", "accuracy", |r| &r.accuracy, Scale::Unit),
    ("macro_f1", "macro F1", |r| &r.macro_f1, Scale::Unit),
    ("mcc", "MCC", |r| &r.mcc, Scale::Signed),
    ("cohen_kappa", "Cohen’s kappa", |r| &r.cohen_kappa, Scale::Signed),
    ("macro_roc_auc", "macro ROC-AUC", |r| &r.macro_roc_auc, Scale::Unit),
    ("macro_pr_auc", "macro PR-AUC", |r| &r.macro_pr_auc, Scale::Unit),
    ("log_loss", "log loss", |r| &r.log_loss, Scale::Open),
    ("brier", "Brier score", |r| &r.brier, Scale::Open),
    ("ece", "ECE, 15 bins", |r| &r.ece, Scale::Unit),
];

impl Headline {
    pub(super) fn of(report: &Prepared) -> Self {
        let reports: Vec<&ClassificationReport> = report.metrics.iter().map(|(_, metrics)| *metrics).collect();
        let row = |(_, name, pick, scale): &Metric| {
            (*name, reports.iter().map(|report| Cell::new(pick(report), *scale)).collect())
        };
        let metrics = METRICS.iter().map(row).collect();
        Self {
            counts: counts(report),
            subsets: report.metrics.iter().map(|(state, metrics)| SubsetHead::new(*state, metrics)).collect(),
            metrics: if reports.is_empty() { Vec::new() } else { metrics },
            intervals: reports.first().filter(|report| report.bootstrap.resamples > 0).map_or_else(
                String::new,
                |report| {
                    let (level, resamples) = (percent(report.bootstrap.level), thousands(report.bootstrap.resamples));
                    format!("Intervals: {level} of {resamples} bootstrap resamples; samples count as independent.")
                },
            ),
        }
    }
}

/// The table's own counts.
fn counts(report: &Prepared) -> Vec<(String, String)> {
    let rows = &report.table.rows;
    let mut counts = vec![("samples".to_owned(), thousands(rows.len()))];
    for state in DataState::ALL {
        let count = rows.iter().filter(|row| row.state == state).count();
        if count > 0 {
            counts.push((state.to_string(), thousands(count)));
        }
    }
    let labelled = rows.iter().filter(|row| row.label.is_some()).count();
    let right = rows.iter().filter(|row| row.label == Some(row.prediction)).count();
    if labelled > 0 {
        counts.push(("right".to_owned(), percent(right as f64 / labelled as f64)));
    }
    counts.push(("classes".to_owned(), thousands(report.table.classes.len())));
    counts
}

impl SubsetHead {
    fn new(state: DataState, report: &ClassificationReport) -> Self {
        let matrix = &report.confusion_matrix;
        let labels: Vec<String> = matrix.labels().iter().map(|label| cut(label, LONGEST_TEXT)).collect();
        let few = labels.len() <= MOST_CLASSES;
        let row = |(truth, (label, counts)): (usize, (&String, &Vec<u64>))| {
            let total: u64 = counts.iter().sum();
            let cell = |(predicted, &count): (usize, &u64)| {
                let share = if total > 0 { count as f64 / total as f64 } else { 0.0 };
                ConfusionCell {
                    count: thousands(count as usize),
                    share: percent(share),
                    shade: (10.0 * share).ceil() as usize,
                    right: truth == predicted,
                    title: format!("{} of {}", counted(count as usize, "sample"), thousands(total as usize)),
                }
            };
            ConfusionRow { label: label.clone(), cells: counts.iter().enumerate().map(cell).collect() }
        };
        let confusion = labels.iter().zip(matrix.counts()).enumerate().map(row);
        let class = |class: &crate::metrics::ClassReport| {
            let cells = [&class.precision, &class.recall, &class.f1, &class.roc_auc, &class.pr_auc];
            let cells = cells.map(|estimate| Cell::new(estimate, Scale::Unit)).into_iter().collect();
            (cut(&class.label, LONGEST_TEXT), thousands(class.support as usize), cells)
        };
        Self {
            name: state.as_str(),
            samples: counted(report.n, "sample"),
            confusion: if few { confusion.collect() } else { Vec::new() },
            classes: report.classes.iter().take(MOST_CLASSES).map(class).collect(),
            labels,
        }
    }
}

impl Cell {
    pub(super) fn new(estimate: &Estimate, scale: Scale) -> Self {
        let at = |value: f64| place(if scale == Scale::Signed { (1.0 + value) / 2.0 } else { value });
        let end = |end: Option<f64>, value: f64| end.map_or(value, at);
        let value = estimate.value.filter(|_| scale != Scale::Open).map(at);
        let bar = value.map(|value| [value, end(estimate.low, value), end(estimate.high, value)]);
        Self { value: three(estimate.value), interval: interval(estimate), bar, signed: scale == Scale::Signed }
    }
}
