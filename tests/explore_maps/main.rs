//! Maps, clusters and neighbours of the latent space, against scikit-learn and against their own properties.
//!
//! The golden numbers come from `tests/fixtures/explore_maps/make.py`, with the versions of its libraries.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod clusters;
mod degenerate;
mod golden;
mod maps;
mod neighbours;
mod pca;
mod threads;
