//! Transfer learning and fine-tuning over any [`Binder`](crate::Binder) and any [`Model`](crate::model::Model).

mod range;
mod schedule;

pub use schedule::{Decay, Schedule};
