//! The conformance suite: binders with the behaviour of the recorded cases of code_loader 1.0.214, held against the
//! recorded verdicts field by field, and a table that says for every row of the contract how it is kept.
//!
//! A test's documentation names the rows that it asserts (`Same:`) and those in which it differs on purpose
//! (`Deviates:`); `table.rs` gathers them into `docs/conformance.md`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod autoregressive;
mod configuration;
mod encoders;
mod grouped;
mod instances;
mod latent;
mod loader;
mod loading;
mod metadata;
mod metrics;
mod preprocess;
mod simulation;
mod support;
mod table;
mod verdict;
mod visualizers;
