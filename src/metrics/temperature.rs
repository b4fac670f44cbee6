use serde::{Deserialize, Serialize};

use super::Predictions;
use crate::{Error, Result};

/// The temperatures among which the best is looked for, as natural logarithms: 0.001 to 1000.
const RANGE: f64 = 6.907_755_278_982_137;

/// Bisection alone needs 60 halvings of the range to reach the last bit; steps of Newton's method only shorten that.
const MOST_STEPS: usize = 100;

/// Temperature scaling: one number that makes a model's probabilities softer or sharper and moves no decision.
///
/// Logits are divided by `T`, so that each probability becomes `p^(1/T)`, rows rescaled to 1 (Guo et al., "On Calibration
/// of Modern Neural Networks", ICML 2017). Above 1 it takes back overconfidence. Fit it on samples that the model was not
/// trained on, and measure on others.
///
/// ```
/// use leap_binder::metrics::{Predictions, Temperature};
///
/// // Right in three of four, at 0.95: too sure.
/// let rows = [0.95, 0.05, 0.95, 0.05, 0.05, 0.95, 0.95, 0.05];
/// let validation = Predictions::new(["a", "b"], vec![0, 0, 1, 1], rows)?;
/// let temperature = Temperature::fit(&validation).unwrap_or_default();
/// assert!(temperature.value() > 1.0);
/// let calibrated = temperature.apply(&validation)?;
/// assert_eq!(calibrated.y_pred(), validation.y_pred());
/// # Ok::<(), leap_binder::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Temperature(f64);

impl Default for Temperature {
    /// 1, which changes nothing.
    fn default() -> Self {
        Self(1.0)
    }
}

impl Temperature {
    /// A temperature that is known already.
    ///
    /// # Errors
    /// [`Error::Argument`] unless it is positive and finite.
    pub fn new(value: f64) -> Result<Self> {
        if value > 0.0 && value.is_finite() {
            return Ok(Self(value));
        }
        Err(Error::argument("Temperature", "a positive finite number", value.to_string()))
    }

    /// The temperature with the least mean negative log likelihood of `predictions`, to the last bits.
    ///
    /// The likelihood is convex in `1/T`, so there is one minimum at most. Its derivative there is 0 and is looked for in
    /// `log T` by Newton's method within a bisection. Probabilities are clipped from below to the eps of `f64`, as for
    /// the log loss. Where every row is even, no temperature matters and the result is 1.
    ///
    /// None where no temperature from 0.001 to 1000 is best: if the true class is always the likeliest, sharper is always
    /// better; if it is on the whole no likelier than the others, flatter is. A validation set so small or so easy says
    /// nothing on calibration.
    pub fn fit(predictions: &Predictions) -> Option<Self> {
        let slope = Slope::new(predictions);
        let (mut low, mut high) = (-RANGE, RANGE);
        let (at_low, at_high) = (slope.at(low).0, slope.at(high).0);
        if at_low == 0.0 && at_high == 0.0 {
            return Some(Self::default());
        }
        if !(at_low < 0.0 && at_high > 0.0) {
            return None;
        }
        let mut place = 0.0;
        for _ in 0..MOST_STEPS {
            let (value, derivative) = slope.at(place);
            match value {
                0.0 => break,
                _ if value < 0.0 => low = place,
                _ => high = place,
            }
            let newton = place - value / derivative;
            let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
            if (next - place).abs() <= f64::EPSILON * place.abs().max(1.0) {
                place = next;
                break;
            }
            place = next;
        }
        Some(Self(place.exp()))
    }

    /// The number itself: below 1 sharper, above 1 softer.
    pub const fn value(self) -> f64 {
        self.0
    }

    /// The same samples with calibrated probabilities.
    ///
    /// Rows come out with the sum 1 within rounding, and zeros as the eps of `f64` scaled. At a temperature below 0.01
    /// classes that were nearly equal may become equal to the last bit.
    ///
    /// # Errors
    /// None that [`Predictions::new`] did not find before.
    pub fn apply(self, predictions: &Predictions) -> Result<Predictions> {
        let beta = 1.0 / self.0;
        let rows = predictions.probabilities().flat_map(|row| {
            let logits = logits(row);
            let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let powers: Vec<f64> = logits.iter().map(|z| (beta * (z - highest)).exp()).collect();
            let sum: f64 = powers.iter().sum();
            powers.into_iter().map(move |power| power / sum)
        });
        let rows: Vec<f64> = rows.collect();
        Predictions::new(predictions.labels().iter().cloned(), predictions.y_true().to_vec(), rows)
    }
}

impl TryFrom<f64> for Temperature {
    type Error = Error;

    fn try_from(value: f64) -> Result<Self> {
        Self::new(value)
    }
}

impl From<Temperature> for f64 {
    fn from(temperature: Temperature) -> Self {
        temperature.0
    }
}

/// Logarithms of probabilities: the logits, but for a number that all classes of a row share.
fn logits(row: &[f64]) -> Vec<f64> {
    row.iter().map(|p| p.max(f64::EPSILON).ln()).collect()
}

/// The derivative of the mean negative log likelihood by `log T`, less a positive factor.
struct Slope {
    classes: usize,
    /// For each sample the logits less that of the true class.
    margins: Vec<f64>,
}

impl Slope {
    fn new(predictions: &Predictions) -> Self {
        let rows = predictions.probabilities().zip(predictions.y_true());
        let margins = rows.flat_map(|(row, &truth)| {
            let logits = logits(row);
            let own = logits[truth];
            logits.into_iter().map(move |z| z - own)
        });
        Self { classes: predictions.labels().len(), margins: margins.collect() }
    }

    /// Minus the mean over samples of the expected margin under the softmax at `T = exp(place)`, and its derivative by
    /// `place`.
    ///
    /// With `b = 1/T` the likelihood's derivative by `b` is that expectation, which rises with `b` by the margins'
    /// variance; so this rises with `place` by `b` times the variance.
    fn at(&self, place: f64) -> (f64, f64) {
        let beta = (-place).exp();
        let (mut expected, mut variance) = (0.0, 0.0);
        for margins in self.margins.chunks_exact(self.classes) {
            let highest = margins.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let (mut total, mut first, mut second) = (0.0, 0.0, 0.0);
            for margin in margins {
                let weight = (beta * (margin - highest)).exp();
                total += weight;
                first += weight * margin;
                second += weight * margin * margin;
            }
            let mean = first / total;
            expected += mean;
            variance += second / total - mean * mean;
        }
        let n = (self.margins.len() / self.classes) as f64;
        (-expected / n, beta * variance / n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_derivative_is_that_of_the_slope() {
        let rows = [0.7, 0.2, 0.1, 0.1, 0.1, 0.8, 0.3, 0.3, 0.4];
        let slope = Slope::new(&Predictions::new(["a", "b", "c"], vec![0, 2, 1], rows).unwrap());
        for place in [-1.0, 0.0, 0.7] {
            let (_, derivative) = slope.at(place);
            let (step, below, above) = (1e-5, slope.at(place - 1e-5).0, slope.at(place + 1e-5).0);
            assert!((derivative - (above - below) / (2.0 * step)).abs() < 1e-8, "{derivative} at {place}");
        }
    }
}
