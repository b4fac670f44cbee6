//! The binder test of the reference binder on the shipped sample: one listed test for each function and subset.

use std::process::ExitCode;

use leap_binder::pneumonia::{ChestXrays, Config, binder, shipped};

fn main() -> ExitCode {
    leap_binder::check::harness::run(|| binder(ChestXrays::open(shipped::sample(), Config::default())?))
}
