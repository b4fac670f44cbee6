use super::Predictions;

/// Bins of the expected calibration error.
pub(super) const ECE_BINS: usize = 15;

/// What each sample adds to the metrics that judge the probabilities themselves.
pub(super) struct Probabilistic {
    samples: Vec<Sample>,
}

struct Sample {
    log_loss: f64,
    brier: f64,
    /// The calibration bin of the top probability.
    bin: usize,
    /// 1 if the prediction is right, else 0, less the top probability.
    surplus: f64,
}

/// Means over the samples.
pub(super) struct Losses {
    pub(super) log_loss: f64,
    pub(super) brier: f64,
    pub(super) ece: f64,
}

impl Probabilistic {
    pub(super) fn new(predictions: &Predictions) -> Self {
        let classes = predictions.y_true().iter().zip(predictions.y_pred());
        let samples = predictions.probabilities().zip(classes).map(|(row, (&class, &predicted))| Sample {
            log_loss: log_loss(row[class]),
            brier: brier(row, class),
            bin: bin(row[predicted]),
            surplus: f64::from(u8::from(class == predicted)) - row[predicted],
        });
        Self { samples: samples.collect() }
    }

    /// The means with sample `i` counted `counts[i]` times; at least one sample must be counted.
    pub(super) fn losses(&self, counts: &[u64]) -> Losses {
        let (mut n, mut log_loss, mut brier) = (0.0, 0.0, 0.0);
        let mut surplus = [0.0; ECE_BINS];
        for (sample, &count) in self.samples.iter().zip(counts) {
            let count = count as f64;
            n += count;
            log_loss += count * sample.log_loss;
            brier += count * sample.brier;
            surplus[sample.bin] += count * sample.surplus;
        }
        let ece = surplus.iter().map(|bin: &f64| bin.abs()).sum::<f64>();
        Losses { log_loss: log_loss / n, brier: brier / n, ece: ece / n }
    }
}

/// Minus the logarithm of the true class's probability, clipped to [eps, 1 - eps] as scikit-learn does for `f64`.
fn log_loss(p: f64) -> f64 {
    -p.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
}

/// The squared distance between the probabilities and the truth, summed over all classes.
fn brier(row: &[f64], class: usize) -> f64 {
    let truth = |index| f64::from(u8::from(index == class));
    row.iter().enumerate().map(|(index, p)| (p - truth(index)).powi(2)).sum()
}

/// The bin of a top probability: bin m of M holds (m/M, (m+1)/M].
fn bin(confidence: f64) -> usize {
    (1..ECE_BINS).filter(|&edge| confidence > edge as f64 / ECE_BINS as f64).count()
}
