//! The binder test, equivalent to code_loader's `check_dataset` (`leap_test.py`).
//!
//! [`check`] runs preprocess and then each function on the first sample of each subset, in code_loader's order: inputs,
//! ground truths, metadata. It goes on with visualizers, losses and metrics, which code_loader leaves to the first upload;
//! where they read the model's output they are given an even distribution over the labels. Errors and panics are caught
//! for each function, and what depends on a failed encoder is left out instead of failing with it.
//!
//! Beyond code_loader's own rules, an encoder's tensor must be f32, finite, of one shape on all samples and of the size
//! that its image specification declares.
//!
//! `harness` turns the same check into a `cargo test` target with one listed test for each function and subset.

mod contract;
mod function;
#[cfg(feature = "harness")]
pub mod harness;
mod observation;
mod report;
mod sample_run;
mod session;
mod table;

pub use contract::{
    CustomLossSetup, EngineFileContract, InputSetup, MetadataSetup, MetricSetup, ModelSetup, OutputSetup, Payload,
    PredictionSetup, RawResult, Setup, SimulationSetup, SubsetLengths, VisualizerSetup,
};
pub use function::FunctionKind;
pub use observation::{Failure, TensorSummary};

pub use report::{CheckReport, FunctionReport, Status, SubsetReport};

use crate::BoxError;
use crate::binder::{Binder, Registry, guarded};
use crate::contract::{Code, Dataset};
use crate::progress::Progress;
use function::Function;
use session::Session;

/// Which samples of each subset the check runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Samples {
    /// The first one, as code_loader does.
    #[default]
    First,
    /// The first and every n-th after it; 0 counts as 1.
    Every(usize),
    /// All of them.
    All,
}

impl Samples {
    fn of(self, count: usize) -> impl Iterator<Item = usize> {
        let (step, end) = match self {
            Self::First => (1, count.min(1)),
            Self::Every(step) => (step.max(1), count),
            Self::All => (1, count),
        };
        (0..end).step_by(step)
    }
}

/// Checks a binder on the first sample of each subset, as code_loader does and no more strictly.
///
/// Deterministic, and never fails: whatever is wrong stands in the report.
pub fn check(binder: &Registry) -> CheckReport {
    CheckReport::new(binder, contract::run(binder, false))
}

/// Builds a binder and checks it, as code_loader runs a script and checks what it registered.
///
/// An error or a panic of `build` is the report's general error, and there are no payloads.
pub fn check_build<D: Dataset, E: Into<BoxError>>(build: impl FnOnce() -> Result<Binder<D>, E>) -> CheckReport {
    match guarded("binder", || build().map_err(Into::into)) {
        Ok(binder) => check(&binder),
        Err(mut violation) => {
            violation.code = Code::RegistrationFailed;
            CheckReport::failed(&violation)
        }
    }
}

/// Checks a binder on chosen samples, in parallel and in bounded memory, and says how far it is.
///
/// The report does not depend on the number of threads.
pub fn check_samples(binder: &Registry, samples: Samples, progress: &dyn Progress) -> CheckReport {
    let session = Session::start(binder);
    let functions: Vec<_> = session.functions.iter().collect();
    let mut reports: Vec<FunctionReport> = functions
        .iter()
        .map(|function| FunctionReport { kind: function.kind, name: function.name.clone(), subsets: Vec::new() })
        .collect();
    for subset in &session.subsets {
        let ran = session.run(&functions, subset, samples, progress);
        for (report, subset) in reports.iter_mut().zip(ran) {
            report.subsets.push(subset);
        }
    }
    let mut report = check(binder);
    report.functions = reports;
    report.preprocess_failures = session.preprocess_failures;
    report.is_valid &= report.preprocess_failures.is_empty() && report.functions.iter().all(FunctionReport::passed);
    report
}
