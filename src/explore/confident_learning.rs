//! Confident learning: which given labels a model's probabilities speak against.
//!
//! The method is Northcutt, Jiang, Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels" (JAIR 70, 2021), with
//! the defaults of the authors' library cleanlab 2.9, whose numbers the tests record. [`Predictions`] hold the given labels as
//! `y_true`. Probabilities must be out of sample: a model that has seen a wrong label may well have learnt it.
//!
//! [`mislabeled_samples`](super::mislabeled_samples) looks at the neighbours too, and claims less.

use crate::metrics::Predictions;

/// How far from a threshold or from one another probabilities may be and still count as equal.
const SLACK: f64 = 1e-6;

/// Which labels are taken for wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Filter {
    /// As many of each pair of classes as the calibrated joint counts, those with the largest margin of the other class over the
    /// given one. cleanlab's default.
    #[default]
    PruneByNoiseRate,
    /// As many of each given class as the calibrated joint counts off its diagonal, those with the least self-confidence.
    PruneByClass,
    /// What both of the above take.
    Both,
    /// What the confident joint counts off its diagonal.
    ConfidentLearning,
    /// Those whose likeliest class is another one.
    PredictedNeqGiven,
    /// As many as [`Filter::ConfidentLearning`] takes, those with the least normalized margin.
    LowNormalizedMargin,
    /// As many as [`Filter::ConfidentLearning`] takes, those with the least self-confidence.
    LowSelfConfidence,
}

/// How good a label is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Quality {
    /// The probability of the given class.
    #[default]
    SelfConfidence,
    /// `(p + 1 - q) / 2`, where `p` is the probability of the given class and `q` the largest of the others.
    NormalizedMargin,
    /// `ln(1 + e) / e`, where `e` is the entropy over its largest value, divided by the self-confidence.
    ConfidenceWeightedEntropy,
}

/// For each class the mean probability that its given samples have of it: the threshold from which a sample counts for it. None
/// for a class that nobody has.
pub fn thresholds(predictions: &Predictions) -> Vec<Option<f64>> {
    let mut sums = vec![(0.0, 0usize); predictions.labels().len()];
    for (row, &given) in predictions.probabilities().zip(predictions.y_true()) {
        sums[given].0 += row[given];
        sums[given].1 += 1;
    }
    sums.into_iter().map(|(sum, count)| (count > 0).then(|| f64::max(sum / count as f64, 2.0 * SLACK))).collect()
}

/// Counts samples by given class (rows) and by the class that they confidently belong to (columns): the likeliest of those whose
/// threshold they reach. Samples that reach none count nowhere; each class counts for itself at least once.
pub fn confident_joint(predictions: &Predictions) -> Vec<Vec<u64>> {
    let classes = predictions.labels().len();
    let mut joint = vec![vec![0; classes]; classes];
    for (&given, confident) in predictions.y_true().iter().zip(confident_classes(predictions)) {
        if let Some(class) = confident {
            joint[given][class] += 1;
        }
    }
    joint.iter_mut().enumerate().for_each(|(class, row)| row[class] = row[class].max(1));
    joint
}

/// The confident joint scaled so that each row sums to the number of samples that have its label, in whole numbers.
pub fn calibrated_joint(predictions: &Predictions) -> Vec<Vec<u64>> {
    let joint = confident_joint(predictions);
    let mut given = vec![0u64; joint.len()];
    predictions.y_true().iter().for_each(|&class| given[class] += 1);
    let scaled = |(row, &count): (&Vec<u64>, &u64)| {
        let sum = row.iter().sum::<u64>() as f64;
        let row: Vec<f64> = row.iter().map(|&cell| cell as f64 / sum * count as f64).collect();
        rounded(&row)
    };
    joint.iter().zip(&given).map(scaled).collect()
}

/// The estimated joint distribution of given (rows) and true classes (columns); it sums to 1. What is off the diagonal is the
/// share of wrong labels.
pub fn estimated_joint(predictions: &Predictions) -> Vec<Vec<f64>> {
    let joint = calibrated_joint(predictions);
    let total = joint.iter().flatten().sum::<u64>() as f64;
    joint.iter().map(|row| row.iter().map(|&count| count as f64 / total).collect()).collect()
}

/// How good each label is, in [0, 1]; low is likely wrong.
pub fn label_quality(predictions: &Predictions, quality: Quality) -> Vec<f64> {
    let score = |(row, &given): (&[f64], &usize)| match quality {
        Quality::SelfConfidence => row[given],
        Quality::NormalizedMargin => (row[given] - largest_other(row, given) + 1.0) / 2.0,
        Quality::ConfidenceWeightedEntropy => {
            let entropy: f64 = row.iter().filter(|&&p| p > 0.0).map(|p| -p * p.ln()).sum();
            let weighted = entropy / (row.len() as f64).ln() / row[given].max(SLACK);
            // Without entropy the given class is certain, or impossible. cleanlab has 0 for both.
            if weighted > 0.0 { weighted.ln_1p() / weighted.max(SLACK) } else { row[given] }
        }
    };
    predictions.probabilities().zip(predictions.y_true()).map(score).collect()
}

/// The rows whose labels are taken for wrong, ascending. Of equal scores the earlier row counts as worse.
pub fn find_label_issues(predictions: &Predictions, filter: Filter) -> Vec<usize> {
    let disagrees = disagreeing(predictions);
    let by_count = |quality: Quality| {
        let number = off_diagonal(predictions).filter(|&row| disagrees[row]).count();
        let scores = label_quality(predictions, quality);
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
        order.truncate(number);
        order.sort_unstable();
        order
    };
    let mut rows: Vec<usize> = match filter {
        Filter::LowNormalizedMargin => return by_count(Quality::NormalizedMargin),
        Filter::LowSelfConfidence => return by_count(Quality::SelfConfidence),
        Filter::PredictedNeqGiven => (0..predictions.y_true().len()).collect(),
        Filter::ConfidentLearning => off_diagonal(predictions).collect(),
        Filter::PruneByNoiseRate => pruned(predictions, false),
        Filter::PruneByClass => pruned(predictions, true),
        Filter::Both => {
            let by_class = pruned(predictions, true);
            pruned(predictions, false).into_iter().filter(|row| by_class.binary_search(row).is_ok()).collect()
        }
    };
    rows.retain(|&row| disagrees[row]);
    rows
}

/// The class that each sample confidently belongs to.
fn confident_classes(predictions: &Predictions) -> impl Iterator<Item = Option<usize>> {
    let thresholds = thresholds(predictions);
    let reached = |row: &[f64]| -> Vec<usize> {
        let reaches = |&class: &usize| thresholds[class].is_some_and(|threshold| row[class] >= threshold - SLACK);
        (0..row.len()).filter(reaches).collect()
    };
    let class = |(row, &likeliest): (&[f64], &usize)| match reached(row)[..] {
        [] => None,
        [one] => Some(one),
        _ => Some(likeliest),
    };
    let classes: Vec<Option<usize>> = predictions.probabilities().zip(predictions.y_pred()).map(class).collect();
    classes.into_iter()
}

/// The rows that the confident joint counts off its diagonal.
fn off_diagonal(predictions: &Predictions) -> impl Iterator<Item = usize> {
    let rows = confident_classes(predictions).zip(predictions.y_true()).enumerate();
    rows.filter(|(_, (class, given))| class.is_some_and(|class| class != **given)).map(|(row, _)| row)
}

/// Whether another class is likelier than the given one, by more than the slack.
fn disagreeing(predictions: &Predictions) -> Vec<bool> {
    let disagrees = |(row, &given): (&[f64], &usize)| {
        let own = row[given] + SLACK;
        // Of equal ones the first is the likeliest.
        row.iter().enumerate().any(|(class, &p)| class != given && (p > own || (p == own && class < given)))
    };
    predictions.probabilities().zip(predictions.y_true()).map(disagrees).collect()
}

/// As many rows of each given class as the calibrated joint says: by pairs of classes, or for the class as a whole.
fn pruned(predictions: &Predictions, by_class: bool) -> Vec<usize> {
    let rows: Vec<&[f64]> = predictions.probabilities().collect();
    let mut taken = vec![false; rows.len()];
    for (given, counts) in calibrated_joint(predictions).iter().enumerate() {
        let mut members: Vec<usize> = (0..rows.len()).filter(|&row| predictions.y_true()[row] == given).collect();
        // One sample of each class is always believed.
        if members.len() <= 1 {
            continue;
        }
        let counts = believing_one(counts, given);
        let mut take = |number: usize, score: &dyn Fn(usize) -> f64| {
            members.sort_by(|&a, &b| score(a).total_cmp(&score(b)).then(a.cmp(&b)));
            members.iter().take(number).for_each(|&row| taken[row] = true);
        };
        if by_class {
            take(members_but(&counts, given, predictions), &|row| rows[row][given]);
            continue;
        }
        for (other, &number) in counts.iter().enumerate().filter(|(other, _)| *other != given) {
            take(number as usize, &|row| rows[row][given] - rows[row][other]);
        }
    }
    (0..rows.len()).filter(|&row| taken[row]).collect()
}

/// The members of a class that its diagonal does not believe.
fn members_but(counts: &[u64], given: usize, predictions: &Predictions) -> usize {
    let members = predictions.y_true().iter().filter(|&&class| class == given).count();
    members.saturating_sub(counts[given] as usize)
}

/// A row of the calibrated joint with at least one on the diagonal, taken evenly from the other counts and rounded down.
fn believing_one(counts: &[u64], given: usize) -> Vec<u64> {
    if counts[given] >= 1 {
        return counts.to_vec();
    }
    let others = counts.iter().filter(|&&count| count > 0).count().saturating_sub(1).max(1) as f64;
    let less = |&count: &u64| (count as f64 - 1.0 / others).max(0.0) as u64;
    let mut reduced: Vec<u64> = counts.iter().map(less).collect();
    reduced[given] = 1;
    reduced
}

fn largest_other(row: &[f64], given: usize) -> f64 {
    let others = row.iter().enumerate().filter(|(class, _)| *class != given);
    others.map(|(_, &p)| p).fold(f64::NEG_INFINITY, f64::max)
}

/// Whole numbers near `values`, with the same sum: rounded half to even, then those with the largest remainder corrected, the
/// later of equals first where they grow and the earlier where they shrink.
fn rounded(values: &[f64]) -> Vec<u64> {
    let mut whole: Vec<f64> = values.iter().map(|value| value.round_ties_even()).collect();
    let wanted = values.iter().sum::<f64>().round_ties_even();
    let mut missing = wanted - whole.iter().sum::<f64>();
    let mut order: Vec<usize> = (0..values.len()).collect();
    while missing.abs() > 0.5 {
        let remainder = |place: usize| values[place] - whole[place];
        order.sort_unstable_by(|&a, &b| remainder(a).total_cmp(&remainder(b)).then(a.cmp(&b)));
        if missing > 0.0 {
            order.reverse();
        }
        let changes = order.iter().take(missing.abs() as usize);
        changes.for_each(|&place| whole[place] += missing.signum());
        missing = wanted - whole.iter().sum::<f64>();
    }
    whole.into_iter().map(|value| value.max(0.0) as u64).collect()
}
