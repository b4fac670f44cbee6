use super::explained::{Chosen, pictures};
use super::{CheckSummary, ClusterFacts, Picture, Report, methods};
use crate::Result;
use crate::binder::Registry;
use crate::check::CheckReport;
use crate::compare::Comparison;
use crate::contract::DataState;
use crate::evaluate::{Evaluation, SampleTable};
use crate::explain::{FaithfulnessOptions, Method};
use crate::explore::{Exploration, ExploreOptions, explore};
use crate::metrics::{Bootstrap, ClassificationReport};
use crate::model::Model;
use crate::progress::Progress;

/// What a study computes beside the evaluation.
#[derive(Debug, Clone)]
pub struct StudyOptions<'a> {
    /// How the table is explored.
    pub explore: ExploreOptions,
    /// Samples that are shown large, with heat maps: the worst, suspected labels, and examples of each insight. Default: 12.
    pub pictures: usize,
    /// How heat maps are made; models without split points get none by a method that needs them. Default: Grad-CAM.
    pub method: Method,
    /// How each heat map is tested; none to leave the tests out. Default: 5 steps, 1 move.
    pub faithfulness: Option<FaithfulnessOptions<'a>>,
    /// The intervals of the metrics.
    pub bootstrap: Bootstrap,
}

impl Default for StudyOptions<'_> {
    fn default() -> Self {
        Self {
            explore: ExploreOptions::default(),
            pictures: 12,
            method: Method::grad_cam(),
            faithfulness: Some(FaithfulnessOptions { steps: 5, moves: 1, ..FaithfulnessOptions::default() }),
            bootstrap: Bootstrap::default(),
        }
    }
}

impl StudyOptions<'_> {
    /// The defaults, with everything that is drawn at random drawn from `seed`.
    pub fn seeded(seed: u64) -> Self {
        let mut options = Self { explore: ExploreOptions::seeded(seed), ..Self::default() };
        options.bootstrap.seed = seed;
        if let Some(tests) = &mut options.faithfulness {
            tests.seed = seed;
        }
        options
    }
}

/// Everything that a [`Report`] on a binder shows: the table, its exploration, metrics, explained pictures.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Study<'a> {
    /// The samples.
    pub table: &'a SampleTable,
    /// What stands out in them.
    pub exploration: Exploration,
    /// The metrics of each subset that has labels.
    pub metrics: Vec<(DataState, ClassificationReport)>,
    /// Samples shown large, the most important first.
    pub pictures: Vec<Picture>,
    /// What is said of data and model in the headline; add to it before the report is made.
    pub facts: Vec<(String, String)>,
    clusters: Vec<ClusterFacts>,
    options: StudyOptions<'a>,
    check: Option<CheckSummary>,
    comparison: Option<Comparison>,
}

impl<'a> Study<'a> {
    /// Explores what `model` said of the samples of `binder`, and explains those that matter.
    ///
    /// The samples shown large are loaded once more. *Determinism*: the same input gives the same report, byte for byte, for any number of threads,
    /// as far as the model's numbers are the same.
    ///
    /// # Errors
    /// As [`explore()`], [`crate::explain::explain()`], [`crate::explain::faithfulness()`] and [`Registry::get_sample`].
    pub fn new(
        binder: &Registry,
        model: &dyn Model,
        evaluation: &'a Evaluation,
        options: StudyOptions<'a>,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let table = &evaluation.table;
        let exploration = explore(table, &options.explore, progress)?;
        let chosen = Chosen::of(table, &exploration, options.pictures);
        let pictures = pictures(binder, model, evaluation, &chosen, &options, progress)?;
        let mut metrics = Vec::new();
        for state in DataState::ALL {
            if table.rows.iter().any(|row| row.state == state && row.label.is_some()) && table.classes.len() > 1 {
                metrics.push((state, evaluation.report(&[state], &options.bootstrap)?));
            }
        }
        let clusters = match &exploration.latent {
            Some(latent) => methods::cluster_facts(table, latent.groups())?,
            None => Vec::new(),
        };
        let facts = facts(model, evaluation);
        Ok(Self { table, exploration, metrics, pictures, facts, clusters, options, check: None, comparison: None })
    }

    /// Adds the outcome of the binder test.
    #[must_use]
    pub fn check(mut self, check: &CheckReport) -> Self {
        self.check = Some(check.into());
        self
    }

    /// Adds how the model stands beside others.
    #[must_use]
    pub fn comparison(mut self, comparison: Comparison) -> Self {
        self.comparison = Some(comparison);
        self
    }

    /// The report, which may be made private or smaller before it is written.
    pub fn report(&self, title: impl Into<String>) -> Report<'_> {
        let exploration = &self.exploration;
        let mut report = Report::new(title, self.table)
            .insights(&exploration.insights)
            .facts(self.facts.clone())
            .shortcuts(methods::shortcuts(exploration))
            .pictures(self.pictures.clone())
            .methods(methods::notes(exploration, &self.pictures, &self.options));
        if let Some(latent) = &exploration.latent {
            let clusters = latent.groups();
            report = report
                .map(&latent.projection.points, methods::map_note(&latent.projection))
                .clusters(&clusters.labels, self.clusters.clone())
                .neighbours(&latent.neighbours);
        }
        if let Some(check) = &self.check {
            report = report.check(check.clone());
        }
        if let Some(comparison) = &self.comparison {
            report = report.comparison(comparison);
        }
        self.metrics.iter().fold(report, |report, (state, metrics)| report.metrics(*state, metrics))
    }
}

/// Data and model in a few words.
fn facts(model: &dyn Model, evaluation: &Evaluation) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    if !evaluation.failures.is_empty() {
        facts.push(("failures".to_owned(), evaluation.failures.len().to_string()));
    }
    facts.push(("model".to_owned(), format!("{}, {} learned values", model.name(), model.parameters())));
    facts.push(("classes".to_owned(), model.classes().join(", ")));
    facts.push(("input".to_owned(), model.input().to_string()));
    facts.push(("made by".to_owned(), format!("leap-binder {}", env!("CARGO_PKG_VERSION"))));
    facts
}
