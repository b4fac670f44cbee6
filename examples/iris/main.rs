//! A binder for other data than pictures, in one short file: `cargo run --example iris`.

mod binder;

use std::process::ExitCode;

fn main() -> ExitCode {
    let report = leap_binder::check::check_build(binder::binder);
    println!("{report}");
    if report.is_valid { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
