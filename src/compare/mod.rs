//! Several models on the same samples: which is better, and whether the difference is more than chance.
//!
//! A [`Contender`] is what one model, or anything else that gives probabilities, said of samples that are known by their
//! ids. [`evaluate_models`] makes contenders of models in one pass over the data for each, and measures side by side what
//! they cost; [`Contender::from_table`] and [`Contender::from_predictions`] take what was scored elsewhere.
//!
//! [`compare`] does the rest, which is statistics only: every metric with its interval, paired tests between each two
//! corrected for their number, calibration before and after temperature scaling, and a [`Ranking`] that says when a
//! difference may be chance. A [`Comparison`] prints as a table, serialises as JSON, and is a section of the report.
//!
//! Samples count as independent of each other. With several images of one patient intervals are too narrow and p-values
//! too small; differences near the level are then not to be trusted.
//!
//! Everything but the measured cost is deterministic: equal input gives equal bits, for any number of threads and in
//! whatever order the samples come.
//!
//! ```
//! use leap_binder::compare::{CompareOptions, Contender, compare};
//! use leap_binder::contract::DataState;
//! use leap_binder::metrics::Predictions;
//!
//! let truth = [0, 1].repeat(30);
//! let scored = |right: f64| truth.iter().flat_map(move |class| [[right, 1.0 - right], [1.0 - right, right]][*class]);
//! let contender = |name: &str, right: f64| {
//!     let predictions = Predictions::new(["ill", "well"], truth.clone(), scored(right))?;
//!     Contender::from_predictions(name, DataState::Test, 0..60, &predictions)
//! };
//! let comparison = compare(&[contender("good", 0.9)?, contender("bad", 0.2)?], &CompareOptions::default())?;
//! assert_eq!(comparison.ranking.groups, [["good"], ["bad"]]);
//! println!("{comparison}");
//! # Ok::<(), leap_binder::Error>(())
//! ```

mod align;
mod calibration;
mod comparison;
mod contender;
mod cost;
mod memory;
mod pair;
mod ranking;
pub(crate) mod table;

pub use calibration::{Calibration, Judged};
pub use comparison::{CompareOptions, Comparison, Standing, compare};
pub use contender::Contender;
pub use cost::{Cost, Speed, SpeedOptions, evaluate_models};
pub use pair::{Pair, PairedTest, TestKind};
pub use ranking::Ranking;
