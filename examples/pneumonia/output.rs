//! What the job has found, as text and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use leap_binder::Result;
use leap_binder::binder::flow::IntegrationReport;
use leap_binder::check::CheckReport;
use leap_binder::contract::DataState;
use leap_binder::evaluate::{SampleFailure, SampleTable};
use leap_binder::metrics::{Bootstrap, ClassificationReport, ConfusionMatrix, Predictions};
use leap_binder::model::{Model, Weights};
use leap_binder::pneumonia::ChestXrays;
use serde::Serialize;
use serde_json::{Value, json};

use crate::analysis::Analysis;

/// Normal against any pneumonia.
const MERGED: [(&str, &[&str]); 2] = [("NORMAL", &["NORMAL"]), ("PNEUMONIA", &["bacteria", "virus"])];

/// Lines of one kind that are printed; JSON has them all.
const SHOWN: usize = 20;

const NOTICE: &str =
    "Research software, not a diagnostic device: no decision about a patient may rest on these results.";

/// A path as text; a path need not be UTF-8, JSON must be.
fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn all_shown(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|path| shown(path)).collect()
}

/// Everything that the job reports at its end.
#[derive(Debug)]
pub(crate) struct Outcome {
    data: Value,
    rejected: usize,
    pub(crate) model: Value,
    pub(crate) check: Option<CheckReport>,
    pub(crate) integration_test: Option<IntegrationReport>,
    pub(crate) images: usize,
    pub(crate) seconds: f64,
    pub(crate) subsets: BTreeMap<DataState, SubsetOutcome>,
    pub(crate) worst: Vec<Worst>,
    pub(crate) failures: Vec<SampleFailure>,
    insights: Vec<String>,
    all_insights: usize,
    files: Vec<(String, PathBuf)>,
}

/// One subset's metrics.
#[derive(Debug, Serialize)]
pub(crate) struct SubsetOutcome {
    classes: ClassificationReport,
    normal_vs_pneumonia: Merged,
}

/// Bacteria and virus taken together.
#[derive(Debug, Serialize)]
struct Merged {
    /// From the three-class decisions.
    decisions: ConfusionMatrix,
    decisions_accuracy: f64,
    /// From the summed probabilities.
    probabilities: ClassificationReport,
}

/// A sample with a large loss.
#[derive(Debug, Serialize)]
pub(crate) struct Worst {
    id: String,
    label: String,
    prediction: String,
    probability_of_label: f64,
    loss: f32,
}

impl SubsetOutcome {
    pub(crate) fn new(classes: ClassificationReport, predictions: &Predictions) -> Result<Self> {
        let decisions = predictions.confusion_matrix().merge(&MERGED)?;
        let probabilities = ClassificationReport::new(&predictions.merge(&MERGED)?, &Bootstrap::default())?;
        let decisions_accuracy = decisions.accuracy();
        Ok(Self { classes, normal_vs_pneumonia: Merged { decisions, decisions_accuracy, probabilities } })
    }

    fn text(&self) -> String {
        let Merged { decisions_accuracy, probabilities, .. } = &self.normal_vs_pneumonia;
        format!(
            "{}\n\nNormal against pneumonia: accuracy {decisions_accuracy:.3} (three-class decisions merged), ROC-AUC {}",
            self.classes, probabilities.macro_roc_auc
        )
    }
}

impl Outcome {
    pub(crate) fn new(data: &ChestXrays) -> Self {
        let lengths: BTreeMap<_, _> = data.subsets().iter().map(|s| (s.state.as_str(), s.len())).collect();
        let rejected: Vec<String> = data.rejected().iter().map(ToString::to_string).collect();
        let facts = json!({
            "folder": shown(data.root()), "config": data.config(), "lengths": lengths,
            "rejected": rejected, "ignored": all_shown(data.ignored()), "absent": all_shown(data.absent()),
            "validation_is_drawn": data.validation_is_drawn(),
        });
        Self {
            data: facts,
            rejected: rejected.len(),
            model: Value::Null,
            check: None,
            integration_test: None,
            images: 0,
            seconds: 0.0,
            subsets: BTreeMap::new(),
            worst: Vec::new(),
            failures: Vec::new(),
            insights: Vec::new(),
            all_insights: 0,
            files: Vec::new(),
        }
    }

    pub(crate) fn wrote(&mut self, what: &'static str, path: PathBuf) {
        self.files.push((what.to_owned(), path));
    }

    pub(crate) fn analysed(&mut self, analysis: Analysis) {
        (self.insights, self.all_insights) = (analysis.insights, analysis.total);
        self.wrote("report", analysis.page.path);
        for table in analysis.tables {
            let name = table.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            self.files.push((name, table));
        }
    }

    /// The binder is valid, and no file was unusable.
    pub(crate) fn is_good(&self) -> bool {
        self.check.as_ref().is_some_and(CheckReport::passed) && self.rejected == 0 && self.failures.is_empty()
    }

    pub(crate) fn json(&self) -> Value {
        let files: BTreeMap<_, _> = self.files.iter().map(|(what, path)| (what, shown(path))).collect();
        json!({
            "notice": NOTICE,
            "is_valid": self.check.as_ref().is_some_and(|check| check.is_valid),
            "passed": self.is_good(),
            "data": self.data,
            "check": self.check,
            "integration_test": self.integration_test,
            "model": self.model,
            "throughput": {"images": self.images, "seconds": self.seconds, "images_per_second": self.rate()},
            "subsets": self.subsets,
            "worst": self.worst,
            "failures": self.failures,
            "insights": self.insights,
            "files": files,
        })
    }

    fn rate(&self) -> f64 {
        if self.seconds > 0.0 { self.images as f64 / self.seconds } else { 0.0 }
    }

    pub(crate) fn evaluation_text(&self) -> String {
        let mut text = format!("{} images in {:.1} s, {:.2} images/s\n", self.images, self.seconds, self.rate());
        for (state, subset) in &self.subsets {
            let seen = match state {
                DataState::Training => " (the shipped weights learned from such images)",
                DataState::Validation => " (the shipped weights were chosen by such images)",
                _ => "",
            };
            let _ = write!(text, "\n== {state} =={seen}\n{}\n", subset.text());
        }
        let width = self.worst.iter().map(|worst| worst.id.len()).max().unwrap_or(0);
        let _ = writeln!(text, "\nThe {} samples with the largest loss:", self.worst.len());
        for Worst { id, label, prediction, probability_of_label, loss } in &self.worst {
            let _ = writeln!(
                text,
                "  {id:<width$}  {label:<9} taken for {prediction:<9} p({label}) {probability_of_label:.4}  loss {loss:.3}"
            );
        }
        for failure in self.failures.iter().take(SHOWN) {
            let _ = writeln!(text, "\nFAILED: {}", failure.message);
        }
        if self.failures.len() > SHOWN {
            let _ = writeln!(text, "\nand {} more failures; --json lists them all", self.failures.len() - SHOWN);
        }
        text
    }

    pub(crate) fn insights_text(&self) -> String {
        let mut text = format!("The first {} of {} insights:\n", self.insights.len(), self.all_insights);
        for (place, insight) in self.insights.iter().enumerate() {
            let _ = writeln!(text, "  {}. {insight}", place + 1);
        }
        text
    }

    pub(crate) fn files_text(&self) -> String {
        let mut text = String::from("Written:");
        for (_, path) in &self.files {
            let _ = write!(text, "\n  {}", path.display());
        }
        let _ = write!(text, "\n\n{NOTICE}");
        text
    }
}

/// The largest losses of a table.
pub(crate) fn worst(table: &SampleTable, count: usize) -> Vec<Worst> {
    let rows = table.worst(count).into_iter();
    rows.filter_map(|row| {
        Some(Worst {
            id: row.id.to_string(),
            label: table.class(row.label?).to_owned(),
            prediction: table.class(row.prediction).to_owned(),
            probability_of_label: *row.probabilities.get(row.label?)?,
            loss: row.losses.first().copied().flatten()?,
        })
    })
    .collect()
}

/// The data in a few lines.
pub(crate) fn data_text(data: &ChestXrays) -> String {
    let lengths: Vec<String> = data.subsets().iter().map(|s| format!("{} {}", s.len(), s.state)).collect();
    let mut text = format!("X-rays in {}: {}", data.root().display(), lengths.join(", "));
    let _ = write!(text, "\nprepared as {}\n", data.config().image_spec());
    if data.validation_is_drawn() {
        let seed = data.config().validation_seed;
        let _ =
            writeln!(text, "there is no val folder: a tenth of the training patients, by seed {seed}, is validation");
    }
    for path in data.ignored().iter().take(SHOWN) {
        let _ = writeln!(text, "left out, no part of the layout: {}", path.display());
    }
    if data.ignored().len() > SHOWN {
        let _ = writeln!(text, "and {} more left out", data.ignored().len() - SHOWN);
    }
    for folder in data.absent() {
        let _ = writeln!(text, "no X-rays of this class: there is no {}", folder.display());
    }
    for error in data.rejected() {
        let _ = writeln!(text, "REJECTED: {error}");
    }
    text
}

/// The model's name, classes and input.
pub(crate) fn model_json(model: &dyn Model, weights: &Weights, path: &Path) -> Value {
    json!({
        "weights": shown(path), "architecture": model.name(),
        "classes": model.classes(), "input": weights.card().input,
    })
}
