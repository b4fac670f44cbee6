//! The networks against their originals.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

// Not every family needs all of it.
#[allow(dead_code)]
mod formula;
#[cfg(feature = "zoo")]
mod zoo;
