//! Transfer learning and fine-tuning over any [`Binder`](crate::Binder) and any [`Model`](crate::model::Model).

mod optimiser;
mod range;
mod schedule;

pub use optimiser::Optimiser;
pub use schedule::{Decay, Schedule};
