//! Classification heads on rows that do not change while they are fitted: the latent vectors of a frozen network, or any
//! columns of numbers.
//!
//! [`LabelledRows`] come from an evaluation's table or from anywhere. [`HeadFit`] chooses the penalty by cross-validation over
//! whole groups, fits a [`LinearHead`] to convergence and keeps what was held probable out of fold. The head goes into a
//! network ([`LinearHead::install`]) or into a file of its own.

mod descent;
mod fit;
mod install;
mod linear;
mod options;
mod passes;
mod rows;
mod softmax;
mod table;

pub use fit::{CandidateScore, HeadFit, OutOfFold};
pub(super) use install::head_of;
pub use linear::LinearHead;
pub use options::{HeadOptions, Scoring};
pub use rows::LabelledRows;
