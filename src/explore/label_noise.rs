//! A model of wrong labels: what a sample is, by what speaks for each class, and what a careless hand wrote down.

/// Beta prior of the share of wrong labels: its mode is `(A - 1) / (A + B - 2)`, about 5 %.
const A: f64 = 3.0;
/// The prior's other number.
const B: f64 = 40.0;
/// Rounds at most, and the change of the share and the weights at which they end.
const ROUNDS: usize = 500;
const STILL: f64 = 1e-9;
/// The largest weight: evidence that is never wrong would have an infinite one.
const HEAVIEST: f64 = 20.0;

/// Evidence about one sample: for each class two log-probabilities, by two witnesses. A witness that says nothing says 0.
pub(super) type Evidence = Vec<[f64; 2]>;

/// What was fitted.
#[derive(Debug, Clone)]
pub(super) struct LabelNoise {
    /// The share of wrong labels.
    pub(super) share: f64,
    /// For each sample the probability of each class by the weighted evidence, its own label left aside.
    pub(super) classes: Vec<Vec<f64>>,
    /// For each sample the probability that its label is wrong.
    pub(super) wrong: Vec<f64>,
}

/// Fits the model to samples with `evidence` (at least two classes each) and `given` labels.
///
/// The true class has probability `q(c)`, proportional to `exp(w1 e1(c) + w2 e2(c))`: a logarithmic opinion pool (Genest
/// and Zidek, "Combining Probability Distributions", 1986) whose weights, not negative, calibrate both witnesses. The given
/// label is the true one, or with probability `share` any of the others, each alike. Weights and share maximise the
/// posterior under a Beta(3, 40) prior of the share, by expectation maximisation with one Newton step of the weights in
/// each round, as robust logistic regression does (Bootkrajang and Kaban, "Label-Noise Robust Logistic Regression and Its
/// Applications", 2012). Three numbers are fitted, so that a sample's own label hardly moves what is expected of it.
///
/// Deterministic: sums run in the order of the samples.
pub(super) fn fit(evidence: &[Evidence], given: &[usize]) -> LabelNoise {
    let (mut weights, mut share) = ([1.0, 0.5], A / (A + B));
    for _ in 0..ROUNDS {
        let (mut gradient, mut curvature, mut wrong) = ([0.0; 2], [[1e-6, 0.0], [0.0, 1e-6]], 0.0);
        for (evidence, &given) in evidence.iter().zip(given) {
            let q = pool(evidence, weights);
            let truth = truth(&q, given, share);
            wrong += 1.0 - truth[given];
            let mean = |of: &[f64], j: usize| -> f64 { of.iter().zip(evidence).map(|(p, e)| p * e[j]).sum() };
            let expected = [mean(&q, 0), mean(&q, 1)];
            for j in 0..2 {
                gradient[j] += mean(&truth, j) - expected[j];
                for k in 0..2 {
                    let both: f64 = q.iter().zip(evidence).map(|(p, e)| p * e[j] * e[k]).sum();
                    curvature[j][k] += both - expected[j] * expected[k];
                }
            }
        }
        let moved = step(&mut weights, gradient, curvature);
        let before = std::mem::replace(&mut share, (wrong + A - 1.0) / (given.len() as f64 + A + B - 2.0));
        if moved < STILL && (share - before).abs() < STILL {
            break;
        }
    }
    let classes: Vec<Vec<f64>> = evidence.iter().map(|evidence| pool(evidence, weights)).collect();
    let wrong = classes.iter().zip(given).map(|(q, &given)| 1.0 - truth(q, given, share)[given]).collect();
    LabelNoise { share, classes, wrong }
}

/// The classes' probabilities by the weighted evidence.
fn pool(evidence: &[[f64; 2]], weights: [f64; 2]) -> Vec<f64> {
    let score = |e: &[f64; 2]| weights[0] * e[0] + weights[1] * e[1];
    let largest = evidence.iter().map(score).fold(f64::NEG_INFINITY, f64::max);
    let raised: Vec<f64> = evidence.iter().map(|e| (score(e) - largest).exp()).collect();
    let sum: f64 = raised.iter().sum();
    raised.into_iter().map(|value| value / sum).collect()
}

/// The classes' probabilities when the label is known as well.
fn truth(q: &[f64], given: usize, share: f64) -> Vec<f64> {
    let each = share / (q.len() as f64 - 1.0);
    let joint: Vec<f64> =
        q.iter().enumerate().map(|(class, p)| p * if class == given { 1.0 - share } else { each }).collect();
    let sum: f64 = joint.iter().sum();
    joint.into_iter().map(|value| value / sum).collect()
}

/// One Newton step of at most 1 in each weight, inside their bounds; says how far it went.
fn step(weights: &mut [f64; 2], gradient: [f64; 2], c: [[f64; 2]; 2]) -> f64 {
    let determinant = c[0][0] * c[1][1] - c[0][1] * c[1][0];
    let wanted = [
        (c[1][1] * gradient[0] - c[0][1] * gradient[1]) / determinant,
        (c[0][0] * gradient[1] - c[1][0] * gradient[0]) / determinant,
    ];
    let mut moved: f64 = 0.0;
    for (weight, wanted) in weights.iter_mut().zip(wanted) {
        let next = (*weight + wanted.clamp(-1.0, 1.0)).clamp(0.0, HEAVIEST);
        moved = moved.max((next - *weight).abs());
        *weight = next;
    }
    moved
}
