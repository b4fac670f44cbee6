//! Transfer learning and fine-tuning over any [`Binder`](crate::Binder) and any [`Model`](crate::model::Model).

mod augment;
mod criterion;
mod optimiser;
mod range;
mod sampling;
mod schedule;

pub use augment::Augmentation;
pub use criterion::{ClassWeights, Criterion};
pub use optimiser::Optimiser;
pub use sampling::Sampling;
pub use schedule::{Decay, Schedule};
