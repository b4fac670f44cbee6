//! A binder for other data than pictures, in one short file: `cargo run --example iris`.

mod binder;

use std::process::ExitCode;

use leap_binder::binder::flow::SampleChoice;
use leap_binder::check::{CheckOptions, check_with};
use leap_binder::contract::DataState;

fn main() -> Result<ExitCode, leap_binder::BoxError> {
    let binder = binder::binder()?;
    let report = check_with(&binder, &CheckOptions::thorough(), &());
    println!("{report}\n");
    let test = binder.integration_test(DataState::Training, SampleChoice::First);
    println!("{test}");
    Ok(if report.passed() && test.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
