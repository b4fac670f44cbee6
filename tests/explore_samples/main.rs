//! Insights about single samples and pairs: against cleanlab, against planted truths, and on pure noise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

mod confident;
mod duplicates;
mod edges;
mod fingerprints;
mod labels;
mod noise;
mod outliers;
