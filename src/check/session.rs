use std::sync::OnceLock;

use rayon::prelude::*;

use super::Samples;
use super::function::{Function, FunctionKind};
use super::observation::{Failure, Value, Verdict};
use super::report::SubsetReport;
use super::sample_run::{References, SampleRun};
use crate::binder::Registry;
use crate::contract::Subset;
use crate::progress::Progress;

/// Samples whose verdicts are held in memory at a time.
const BLOCK: usize = 64;

/// A binder whose preprocess has run: what single functions are checked on.
pub(super) struct Session<'a> {
    registry: &'a Registry,
    pub(super) functions: Vec<Function>,
    pub(super) subsets: Vec<Subset>,
    pub(super) preprocess_failures: Vec<Failure>,
    references: OnceLock<Option<References>>,
}

impl<'a> Session<'a> {
    pub(super) fn start(registry: &'a Registry) -> Self {
        let (subsets, violations) = match registry.prepare() {
            Err(violation) => (Vec::new(), vec![violation]),
            Ok(prepared) => {
                let violations = prepared.violations();
                (prepared.subsets.into_iter().filter(|subset| !subset.is_empty()).collect(), violations)
            }
        };
        let preprocess_failures = violations.into_iter().map(Failure::from).collect();
        let functions = Function::all(registry);
        Self { registry, functions, subsets, preprocess_failures, references: OnceLock::new() }
    }

    /// Runs `functions` on the chosen samples of one subset, each sample loaded once.
    ///
    /// Samples run in parallel; their verdicts are folded in sample order, so the report does not depend on threads.
    pub(super) fn run(
        &self,
        functions: &[&Function],
        subset: &Subset,
        samples: Samples,
        progress: &dyn Progress,
    ) -> Vec<SubsetReport> {
        let mut reports: Vec<SubsetReport> = functions.iter().map(|_| SubsetReport::new(subset.state)).collect();
        let chosen: Vec<usize> = samples.of(subset.len()).collect();
        progress.begin(&format!("check {}", subset.state), chosen.len());
        let first = self.first_is_reference(subset);
        for block in chosen.chunks(BLOCK) {
            let verdicts: Vec<Vec<Verdict>> = block
                .par_iter()
                .map(|&place| {
                    let references = if first && place == 0 { None } else { self.references() };
                    let id = &subset.sample_ids[place];
                    let run = SampleRun::load(self.registry, references, subset.state, id);
                    let verdicts = functions.iter().map(|function| run.run(function)).collect();
                    progress.advance(1);
                    verdicts
                })
                .collect();
            for verdicts in verdicts {
                for (report, verdict) in reports.iter_mut().zip(verdicts) {
                    report.take(verdict);
                }
            }
        }
        progress.end();
        reports
    }

    fn first_is_reference(&self, subset: &Subset) -> bool {
        self.subsets.first().is_some_and(|first| first.state == subset.state)
    }

    /// What the first sample of the first subset (training, unless it is missing) showed; worked out once.
    fn references(&self) -> Option<&References> {
        self.references
            .get_or_init(|| {
                let subset = self.subsets.first()?;
                let id = subset.sample_ids.first()?;
                let run = SampleRun::load(self.registry, None, subset.state, id);
                let shape = |function: &Function| match run.run(function) {
                    Verdict::Passed(observation) => observation.columns.into_iter().next().map(|column| column.shape),
                    _ => None,
                };
                let columns = |function: &Function| match run.run(function) {
                    Verdict::Passed(observation) => {
                        let typed = observation.columns.into_iter().map(|column| match column.value {
                            Value::Metadata(_, column_type) => (column.name, column_type),
                            Value::Tensor(_) | Value::Text(_) => (column.name, None),
                        });
                        Some(typed.collect())
                    }
                    _ => None,
                };
                let of = |kind| self.functions.iter().filter(move |function| function.kind == kind);
                Some(References {
                    sample: id.to_string(),
                    inputs: of(FunctionKind::InputEncoder).map(shape).collect(),
                    ground_truths: of(FunctionKind::GtEncoder).map(shape).collect(),
                    metadata: of(FunctionKind::Metadata).map(columns).collect(),
                })
            })
            .as_ref()
    }
}
