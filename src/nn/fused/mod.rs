//! The inference engine's kernels, and the DenseNet that is made of them.
//!
//! Activations lie channels innermost, a dense block in one buffer to which each layer appends. [`Shape`] and a source of tensors make a
//! [`Network`], which packs all weights once; a [`Network`] and an input size make a plan of steps ([`plan`]), each split into units that any
//! thread may run ([`team`]); a unit calls [`kernel`]s, of the best instruction set that the processor has ([`Level`]).
//! Sums always run in the same order, so that results depend on the instructions and on nothing else.
//!
//! Nothing here knows candle.
#![allow(unsafe_code)]

mod buffer;
mod kernel;
mod layer;
mod level;
mod network;
mod pass;
mod plan;
mod precision;
mod run;
mod shape;
mod simd;
mod team;
#[cfg(test)]
mod tests;

pub use level::Level;
pub(crate) use network::Network;
pub use precision::Precision;
pub(crate) use run::Maps;
pub(crate) use shape::Shape;

/// Channels come in multiples of this, whatever the instruction set: one cache line, and the longest vector.
const GRANULE: usize = 16;
