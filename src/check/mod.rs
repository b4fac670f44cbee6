//! The binder test, equivalent to code_loader's `check_dataset` (`leap_test.py`), and what goes beyond it.
//!
//! [`check`] gives code_loader's verdict: preprocess and then each function on the first sample of each subset, in
//! code_loader's order and no more strictly. [`check_with`] adds what [`CheckOptions`] ask for: more samples, and the
//! [`Rule`]s on dtypes, shapes, finite values, determinism, leaks, losses, pictures and more. Errors and panics are caught
//! for each function, and what depends on a failed encoder is left out instead of failing with it. Functions that read
//! the model's output are given an even distribution over the labels.
//!
//! A [`CheckReport`] prints as a table and serialises as JSON, and [`CheckReport::to_junit`] makes it JUnit's XML.
//! `harness` turns the same check into a `cargo test` target with one listed test for each function and subset.

mod beyond;
mod contract;
mod finding;
mod function;
#[cfg(feature = "harness")]
pub mod harness;
mod junit;
mod observation;
mod options;
mod reference;
mod report;
mod rules;
mod sample_run;
mod session;
mod table;
mod tally;

pub(crate) use contract::first_failure;
pub use contract::{
    CustomLossSetup, EngineFileContract, InputSetup, MetadataSetup, MetricSetup, ModelSetup, OutputSetup, Payload,
    PredictionSetup, RawResult, Setup, SimulationSetup, SubsetLengths, VisualizerSetup,
};
pub use finding::{Finding, NotJudged, Severity};
pub use function::FunctionKind;
pub use observation::{Failure, TensorSummary};
pub use options::{CheckOptions, Samples};
pub use report::{CheckReport, FunctionReport, Status, SubsetReport};
pub use rules::{Rule, RuleSet};

use crate::BoxError;
use crate::binder::{Binder, Registry, guarded};
use crate::contract::{Code, Dataset};
use crate::progress::Progress;

/// Checks a binder on the first sample of each subset, as code_loader does and no more strictly.
///
/// Deterministic, and never fails: whatever is wrong stands in the report.
pub fn check(binder: &Registry) -> CheckReport {
    check_with(binder, &CheckOptions::default(), &())
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

/// [`check`], and then what `options` ask for beyond it, in parallel and in bounded memory; says how far it is.
///
/// The report does not depend on the number of threads, but for the rule `slow`, which looks at the clock.
pub fn check_with(binder: &Registry, options: &CheckOptions, progress: &dyn Progress) -> CheckReport {
    let prepared = binder.prepare();
    let mut report = CheckReport::new(binder, contract::run(binder, prepared.as_ref(), options.platform));
    beyond::extend(&mut report, binder, prepared, options, progress);
    report
}
