use super::scores::{Scorer, Scores};
use super::{Bootstrap, Estimate, Predictions};
use crate::Result;

/// Predictions scored as they are and in every resample of a bootstrap.
///
/// Which samples a resample draws depends on the bootstrap and on how many samples there are, not on what a model says of
/// them. Two runs on the same samples are therefore scored in the same resamples, and their differences are paired.
pub(crate) struct Resampled {
    pub(super) n: usize,
    bootstrap: Bootstrap,
    pub(super) point: Scores,
    pub(super) resamples: Vec<Scores>,
}

impl Resampled {
    /// Scores `predictions`; refuses a level outside (0, 1).
    pub(crate) fn new(predictions: &Predictions, bootstrap: &Bootstrap) -> Result<Self> {
        bootstrap.check()?;
        let n = predictions.y_true().len();
        let scorer = Scorer::new(predictions);
        let point = scorer.score(&vec![1; n]);
        Ok(Self { n, bootstrap: *bootstrap, point, resamples: bootstrap.resample(n, |counts| scorer.score(counts)) })
    }

    pub(super) const fn bootstrap(&self) -> &Bootstrap {
        &self.bootstrap
    }

    /// A number of the scores with the interval of its resampled values.
    pub(super) fn estimate(&self, pick: &dyn Fn(&Scores) -> Option<f64>) -> Estimate {
        self.bootstrap.estimate(pick(&self.point), self.resamples.iter().filter_map(pick))
    }
}
