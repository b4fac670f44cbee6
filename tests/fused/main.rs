//! The fused engine against the plain network: values, split points, gradients, odd input, threads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod agreement;
mod cuts;
mod exhaustive;
#[allow(dead_code)] // the networks' tests use the rest
#[path = "../networks/formula.rs"]
mod formula;
mod odd;
mod pairs;
mod threads;
