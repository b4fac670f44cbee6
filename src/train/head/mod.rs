//! Classification heads on rows that do not change while they are fitted: the latent vectors of a frozen network, or any
//! columns of numbers.

mod descent;
mod features;
mod fit;
mod linear;
mod options;
mod passes;
mod softmax;

pub use features::Features;
pub use fit::{CandidateScore, HeadFit, OutOfFold};
pub use linear::LinearHead;
pub use options::{ClassWeight, HeadOptions, Scoring};
