//! The check as a `cargo test` target: one listed test for preprocess and for each function on each subset.
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
//! `--list`, filters, `--exact`, `--skip`, `--nocapture`, `--test-threads` and cargo-nextest work as with ordinary tests. A
//! function that cannot be run because the encoder it reads failed is shown as ignored, with the reason.

use std::fmt::Display;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use super::report::{Status, SubsetReport};
use super::session::Session;
use super::{Function, Samples};
use crate::binder::{Binder, Registry};
use crate::contract::Dataset;

/// Runs the binder test on the first sample of each subset with the process's arguments; the exit code is 0 only if all passed.
pub fn run<D: Dataset, E: Display>(build: impl FnOnce() -> Result<Binder<D>, E>) -> ExitCode {
    run_samples(build, Samples::First)
}

/// [`run`] on more samples; a test then fails with the first twenty samples that broke a rule.
pub fn run_samples<D: Dataset, E: Display>(build: impl FnOnce() -> Result<Binder<D>, E>, samples: Samples) -> ExitCode {
    libtest_mimic::run(&Arguments::from_args(), trials(build, samples)).exit_code()
}

/// The tests themselves, to be run together with others of one's own.
///
/// `binder` stands for the registration, `preprocess` for the listing, `kind::name::subset` for the functions. When the
/// registration fails, `binder` is the only test; when preprocess lists nothing, there are only those two. Binder and
/// lists live until the process ends.
pub fn trials<D: Dataset, E: Display>(build: impl FnOnce() -> Result<Binder<D>, E>, samples: Samples) -> Vec<Trial> {
    let binder: &'static Registry = match build() {
        Ok(binder) => Box::leak(Box::new(binder)),
        Err(error) => {
            let message = error.to_string();
            return vec![Trial::test("binder", move || Err(Failed::from(message)))];
        }
    };
    let session = Arc::new(Session::start(binder));
    let mut trials = vec![Trial::test("binder", || Ok(())), preprocess_trial(&session)];
    for (place, function) in session.functions.iter().enumerate() {
        for (subset, state) in session.subsets.iter().map(|subset| subset.state).enumerate() {
            if function.runs_on(binder, state) {
                let name = format!("{function}::{state}");
                let session = Arc::clone(&session);
                trials.push(Trial::ignorable_test(name, move || run_one(&session, place, subset, samples)));
            }
        }
    }
    trials
}

fn preprocess_trial(session: &Arc<Session<'static>>) -> Trial {
    let session = Arc::clone(session);
    Trial::test("preprocess", move || {
        let messages: Vec<&str> = session.preprocess_failures.iter().map(|failure| &*failure.message).collect();
        if messages.is_empty() { Ok(()) } else { Err(Failed::from(messages.join("\n"))) }
    })
}

fn run_one(session: &Session<'_>, function: usize, subset: usize, samples: Samples) -> Result<Completion, Failed> {
    let (function, subset): (&Function, _) = (&session.functions[function], &session.subsets[subset]);
    let reports = session.run(&[function], subset, samples, &());
    let Some(report) = reports.first() else { return Ok(Completion::Completed) };
    match report.status {
        Status::Passed => Ok(Completion::Completed),
        Status::Skipped => Ok(Completion::ignored_with(report.skipped.as_deref().unwrap_or("no sample"))),
        Status::Failed => Err(Failed::from(message(report))),
    }
}

fn message(report: &SubsetReport) -> String {
    let messages: Vec<&str> = report.failures.iter().map(|failure| &*failure.message).collect();
    let mut text = messages.join("\n");
    if report.samples > 1 {
        text.push_str(&format!("\n{} of {} samples failed", report.failed_samples, report.samples));
    }
    text
}
