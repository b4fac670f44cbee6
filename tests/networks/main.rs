//! The networks against their originals.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod formula;
#[cfg(feature = "zoo")]
mod zoo;
