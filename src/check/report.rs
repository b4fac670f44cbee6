use serde::Serialize;

use super::contract::{EngineFileContract, ModelSetup, Outcome, Payload, Setup};
use super::finding::{Finding, NotJudged, Severity};
use super::function::FunctionKind;
use super::observation::{Column, Failure, TensorSummary, Value, Verdict};
use super::options::CheckOptions;
use crate::binder::Registry;
use crate::contract::{DataState, Violation};

/// Failures kept for each function and subset; all are counted.
pub(super) const KEPT_FAILURES: usize = 20;

/// What the check found: the verdict, one entry for each function, and code_loader's view of the same.
///
/// Its JSON has the fields of code_loader's `DatasetIntegParseResult` (`payloads`, `is_valid`, `setup`, ...), and beside
/// them `preprocess_failures` and `functions`, which hold more. Its text form is a table with the failures under it.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct CheckReport {
    /// code_loader's payloads in its order: integration test, preprocess, latent spaces, inputs, ground truths, metadata
    /// columns, simulations, the autoregressive step, false positives.
    pub payloads: Vec<Payload>,
    /// code_loader's verdict: whether every payload passed and nothing ended the check; see [`CheckReport::passed`].
    pub is_valid: bool,
    /// Whether the binder has custom layers.
    pub is_valid_for_model: bool,
    /// What the binder consists of; absent when something ended the check before it was known.
    pub setup: Option<Setup>,
    /// Custom layers.
    pub model_setup: ModelSetup,
    /// What ended the check before its end, with or without a setup.
    pub general_error: Option<String>,
    /// Always empty: the check captures no output.
    pub print_log: String,
    /// The graph and the analysis configuration.
    pub engine_file_contract: EngineFileContract,
    /// Broken rules of preprocess.
    pub preprocess_failures: Vec<Failure>,
    /// Every function with its subsets, in the order in which they ran.
    pub functions: Vec<FunctionReport>,
    /// What the check was asked for beyond code_loader's verdict.
    pub options: CheckOptions,
    /// Rules beyond code_loader's that several samples or calls together break.
    pub findings: Vec<Finding>,
    /// Rules beyond code_loader's that could not be judged, and why.
    pub not_judged: Vec<NotJudged>,
}

impl CheckReport {
    pub(super) fn new(registry: &Registry, outcome: Outcome) -> Self {
        let Outcome { payloads, general_error, setup, engine_file_contract, functions, is_unloaded } = outcome;
        let custom_layers = if is_unloaded { Vec::new() } else { registry.custom_layers.clone() };
        Self {
            is_valid: general_error.is_none() && payloads.iter().all(|payload| payload.is_passed),
            payloads,
            is_valid_for_model: !custom_layers.is_empty(),
            setup,
            model_setup: ModelSetup { custom_layers },
            general_error: general_error.map(|violation| violation.with_causes()),
            print_log: String::new(),
            engine_file_contract,
            preprocess_failures: Vec::new(),
            functions,
            options: CheckOptions::default(),
            findings: Vec::new(),
            not_judged: Vec::new(),
        }
    }

    /// Whether code_loader would accept the binder and everything else that was asked for is as it should be.
    ///
    /// Warnings and rules that could not be judged do not count.
    pub fn passed(&self) -> bool {
        self.is_valid && self.failures().next().is_none()
    }

    /// Everything that keeps the check from passing beside code_loader's own payloads: failures of preprocess, of functions
    /// on samples, and findings.
    pub fn failures(&self) -> impl Iterator<Item = &Failure> {
        let findings = self.findings.iter().filter(|finding| finding.severity == Severity::Failure);
        let functions = self.functions.iter().flat_map(FunctionReport::failures);
        self.preprocess_failures.iter().chain(functions).chain(findings.map(|finding| &finding.failure))
    }

    /// The report on a binder that could not be built.
    pub(super) fn failed(violation: &Violation) -> Self {
        Self {
            payloads: Vec::new(),
            is_valid: false,
            is_valid_for_model: false,
            setup: None,
            model_setup: ModelSetup::default(),
            general_error: Some(violation.with_causes()),
            print_log: String::new(),
            engine_file_contract: EngineFileContract::default(),
            preprocess_failures: Vec::new(),
            functions: Vec::new(),
            options: CheckOptions::default(),
            findings: Vec::new(),
            not_judged: Vec::new(),
        }
    }
}

/// One function on all subsets.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct FunctionReport {
    /// Its kind.
    pub kind: FunctionKind,
    /// Its name.
    pub name: String,
    /// One entry for each subset, in contract order.
    pub subsets: Vec<SubsetReport>,
}

impl FunctionReport {
    pub(super) fn new(kind: FunctionKind, name: &str) -> Self {
        Self { kind, name: name.to_owned(), subsets: Vec::new() }
    }

    /// Whether no subset failed.
    pub fn passed(&self) -> bool {
        self.subsets.iter().all(|subset| subset.status != Status::Failed)
    }

    /// All kept failures.
    pub fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.subsets.iter().flat_map(|subset| &subset.failures)
    }
}

/// How a function fared on a subset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It kept every rule on every sample that was run.
    Passed,
    /// It broke a rule.
    Failed,
    /// It could not or need not be run; the reason stands beside it.
    Skipped,
}

/// One function on one subset.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct SubsetReport {
    /// The subset.
    pub state: DataState,
    /// How it fared.
    pub status: Status,
    /// Samples on which it was run.
    pub samples: usize,
    /// Samples on which it failed.
    pub failed_samples: usize,
    /// The first failures, at most twenty.
    pub failures: Vec<Failure>,
    /// Why it was not run on some sample.
    pub skipped: Option<String>,
    /// The result's shape on the first sample that passed; `[1]` for a single value.
    pub shape: Option<Vec<usize>>,
    /// The values of a tensor, over all samples that were run.
    pub values: Option<TensorSummary>,
    #[serde(skip)]
    pub(super) columns: Vec<Column>,
}

impl SubsetReport {
    pub(super) const fn new(state: DataState) -> Self {
        Self {
            state,
            status: Status::Skipped,
            samples: 0,
            failed_samples: 0,
            failures: Vec::new(),
            skipped: None,
            shape: None,
            values: None,
            columns: Vec::new(),
        }
    }

    /// Takes in the verdict on the next sample.
    pub(super) fn take(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Failed(failure) => {
                self.samples += 1;
                self.failed_samples += 1;
                self.status = Status::Failed;
                if self.failures.len() < KEPT_FAILURES {
                    self.failures.push(*failure);
                }
            }
            Verdict::Passed(observation) => {
                let passed = self.samples - self.failed_samples;
                if let [Column { value: Value::Tensor(summary), .. }] = observation.columns.as_slice() {
                    self.values.get_or_insert(*summary).merge(summary, passed);
                }
                if self.shape.is_none() {
                    self.shape = match observation.columns.as_slice() {
                        [] => None,
                        [column] => Some(column.shape.clone()),
                        columns => Some(vec![columns.len()]),
                    };
                    self.columns = observation.columns;
                }
                self.samples += 1;
                if self.status == Status::Skipped {
                    self.status = Status::Passed;
                }
            }
        }
    }
}
