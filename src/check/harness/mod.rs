//! The check as a `cargo test` target: listed tests for the contract, for each function on each subset, and for each rule.
//!
//! In `Cargo.toml` the target takes over `main`, and the file needs three lines:
//!
//! ```toml
//! [[test]]
//! name = "leap_test"
//! harness = false
//! ```
//!
//! ```no_run
//! # use leap_binder::{Binder, Result, contract::*};
//! # struct Data;
//! # impl Dataset for Data {
//! #     type Sample = SampleId;
//! #     fn preprocess(&self) -> HandlerResult<Vec<Subset>> { Ok(vec![]) }
//! #     fn load(&self, id: &SampleId, _: DataState) -> HandlerResult<SampleId> { Ok(id.clone()) }
//! # }
//! # fn my_binder() -> Result<Binder<Data>> { Binder::builder(Data).build() }
//! fn main() -> std::process::ExitCode {
//!     leap_binder::check::harness::run(my_binder)
//! }
//! ```
//!
//! `--list`, filters, `--exact`, `--skip`, `--nocapture`, `--test-threads`, `--format pretty|terse|json` and cargo-nextest
//! work as with ordinary tests; the exit code is 0 only if no test failed. A function that cannot be run because the
//! encoder it reads failed is shown as ignored, with the reason.
//!
//! | test | fails when |
//! |---|---|
//! | `binder` | the registration fails; it is the only test then |
//! | `preprocess` | a rule of the subsets is broken |
//! | `preprocess::duplicates` | a sample id occurs twice |
//! | `contract::<payload>` | the step (a simulation, the chain, false positives, ...) fails in code_loader's check |
//! | `contract::setup` | a general error ends that check |
//! | `contract::verdict` | code_loader's verdict is that the binder is not valid |
//! | `<kind>::<function>::<subset>` | a rule is broken by the function on the first sample |
//! | `<kind>::<function>::<subset>::<sample>` | the same for a sample, when more than the first are asked for |
//! | `<kind>::<function>::<rule>` | a rule over several samples is broken: `deterministic`, `leak`, `constant`, `loss`; `load::slow` never fails |
//!
//! Of each function and subset the first thousand chosen samples are tests of their own; `<kind>::<function>::<subset>`
//! stands for the others together.

mod record;
mod trials;

use std::fmt::Display;
use std::path::PathBuf;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use super::CheckOptions;
use crate::binder::Binder;
use crate::contract::Dataset;
use record::Recorder;

/// How the harness checks, and where it reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HarnessOptions {
    /// What is checked. Default: [`CheckOptions::strict`].
    pub check: CheckOptions,
    /// Where to write JUnit's XML of the tests that ran. Default: nowhere.
    ///
    /// The library reads no environment variable; a test file that wants one reads it:
    /// `junit: std::env::var_os("JUNIT").map(Into::into)`. Under nextest every test is a process of its own, so use
    /// nextest's own JUnit there.
    pub junit: Option<PathBuf>,
}

impl Default for HarnessOptions {
    fn default() -> Self {
        Self { check: CheckOptions::strict(), junit: None }
    }
}

/// Runs the binder test on the first sample of each subset with the process's arguments; the exit code is 0 only if all
/// passed.
pub fn run<D: Dataset, E: Display>(build: impl FnOnce() -> Result<Binder<D>, E>) -> ExitCode {
    run_with(build, &HarnessOptions::default())
}

/// [`run`] with options. A report that cannot be written is a failure as well.
pub fn run_with<D: Dataset, E: Display>(
    build: impl FnOnce() -> Result<Binder<D>, E>,
    options: &HarnessOptions,
) -> ExitCode {
    run_arguments(build, options, &Arguments::from_args())
}

/// [`run_with`] with arguments of one's own instead of the process's.
pub fn run_arguments<D: Dataset, E: Display>(
    build: impl FnOnce() -> Result<Binder<D>, E>,
    options: &HarnessOptions,
    arguments: &Arguments,
) -> ExitCode {
    let recorder = Recorder::default();
    let trials = trials::all(build, &options.check, Some(&recorder));
    let conclusion = libtest_mimic::run(arguments, trials);
    match &options.junit {
        Some(path) if !arguments.list => match recorder.write(path) {
            Ok(()) => conclusion.exit_code(),
            Err(_) => ExitCode::FAILURE,
        },
        _ => conclusion.exit_code(),
    }
}

/// The tests themselves, to be run together with others of one's own. Binder and lists live until the process ends.
pub fn trials<D: Dataset, E: Display>(
    build: impl FnOnce() -> Result<Binder<D>, E>,
    options: &CheckOptions,
) -> Vec<Trial> {
    trials::all(build, options, None)
}
