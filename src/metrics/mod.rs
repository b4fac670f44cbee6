//! Classification metrics that survive class imbalance, with scikit-learn's names and definitions.
//!
//! [`Predictions`] is the checked input: what is true, and what a model held probable. [`ClassificationReport`] scores it
//! once and says how far each number can be trusted: every metric is an [`Estimate`] with a percentile interval of a
//! seeded [`Bootstrap`]. Printed, the report is a plain text table; through serde it is JSON. Epochs and quick looks use
//! [`Bootstrap::NONE`], which leaves the intervals out.
//!
//! Accuracy alone flatters a model that always names the largest class. Read balanced accuracy, macro F1, MCC and the
//! per-class recall beside it; ROC-AUC and PR-AUC judge the ranking without a threshold; log loss, Brier score and ECE
//! judge whether the probabilities mean what they say.
//!
//! Two models on the same samples are held against each other by [`McNemar`] (decisions), [`PairedBootstrap`] (any
//! [`Score`]) and [`DeLong`] (ROC-AUC), several such tests by [`Correction`]; [`compare`](crate::compare) does all of
//! it for any number of models. [`Temperature`] calibrates probabilities after training.
//!
//! [`Predictions::merge`] gives coarser views of the same run, for example normal against any pneumonia.
//!
//! Everything here is deterministic: equal inputs and seeds give equal bits for any number of threads.
//!
//! ```
//! use leap_binder::metrics::{Bootstrap, ClassificationReport, Predictions};
//!
//! let probabilities = [0.8, 0.1, 0.1, 0.2, 0.5, 0.3, 0.1, 0.3, 0.6, 0.1, 0.5, 0.4];
//! let predictions = Predictions::new(["NORMAL", "bacteria", "virus"], vec![0, 1, 2, 2], probabilities)?;
//! let report = ClassificationReport::new(&predictions, &Bootstrap::default())?;
//! assert_eq!(report.accuracy.value, Some(0.75));
//! println!("{report}");
//!
//! let binary = predictions.merge(&[("NORMAL", &["NORMAL"]), ("pneumonia", &["bacteria", "virus"])])?;
//! assert_eq!(binary.confusion_matrix().accuracy(), 1.0);
//! # Ok::<(), leap_binder::Error>(())
//! ```

mod bootstrap;
mod confusion;
mod delong;
mod mcnemar;
mod merge;
mod paired;
mod paired_bootstrap;
mod predictions;
mod probabilistic;
mod ranking;
mod report;
mod resampled;
mod score;
mod scores;
mod several;
mod table;
mod tails;
mod temperature;

pub use bootstrap::{Bootstrap, Estimate};
pub use confusion::ConfusionMatrix;
pub use delong::{DeLong, RocAuc};
pub use mcnemar::{ChiSquared, McNemar};
pub use paired_bootstrap::PairedBootstrap;
pub use predictions::Predictions;
pub(crate) use predictions::arg_max;
pub use report::{ClassReport, ClassificationReport};
pub(crate) use resampled::Resampled;
pub use score::Score;
pub use several::{Correction, benjamini_hochberg, holm};
pub(crate) use table::aligned;
pub(crate) use tails::{chi_squared_tail, normal_tail};
pub use temperature::Temperature;
