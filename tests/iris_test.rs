//! The binder test of the example for tabular data.

#[path = "../examples/iris/binder.rs"]
mod binder;

fn main() -> std::process::ExitCode {
    leap_binder::check::harness::run(binder::binder)
}
