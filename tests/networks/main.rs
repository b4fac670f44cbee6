//! The networks against their originals, on weights that a formula makes alike on both sides.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[cfg(feature = "cuda")]
mod cuda;
#[cfg(feature = "cudnn")]
mod cuda_engine;
mod densenet;
mod formula;
mod golden;
mod small_cnn;
mod yolo;
#[cfg(feature = "zoo")]
mod zoo;
