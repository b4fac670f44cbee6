use std::collections::BTreeMap;

/// Euler's constant: -digamma(1).
const EULER: f64 = 0.577_215_664_901_532_9;

/// Mutual information of two categorical variables, in nats, from their joint counts; 0 or more. Equal to scikit-learn's
/// `mutual_info_score`. It is not corrected for chance: with many categories and few samples it is too large.
///
/// Pairs beyond the shorter slice are left out.
pub fn mutual_information(a: &[usize], b: &[usize]) -> f64 {
    let n = a.len().min(b.len()) as f64;
    let (mut joint, mut of_a, mut of_b) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (&a, &b) in a.iter().zip(b) {
        *joint.entry((a, b)).or_insert(0u64) += 1;
        *of_a.entry(a).or_insert(0u64) += 1;
        *of_b.entry(b).or_insert(0u64) += 1;
    }
    let term = |(&(a, b), &count): (&(usize, usize), &u64)| {
        let (count, independent) = (count as f64, of_a[&a] as f64 * of_b[&b] as f64);
        count / n * (count * n / independent).ln()
    };
    joint.iter().map(term).sum::<f64>().max(0.0)
}

/// The entropy of labels, in nats.
pub fn label_entropy(labels: &[usize]) -> f64 {
    mutual_information(labels, labels)
}

/// Mutual information of numbers and classes, in nats, by nearest neighbours (Ross, "Mutual Information between Discrete and
/// Continuous Data Sets", 2014); 0 or more. Equal to scikit-learn's `mutual_info_classif` without its random noise.
///
/// For each number the distance to its `neighbours`-th nearest of its own class is taken, and counted how many of all numbers
/// lie nearer; where that distance is 0, equal numbers are counted instead, in the class and among all (Gao, Kannan, Oh,
/// Viswanath, "Estimating Mutual Information for Discrete-Continuous Mixtures", 2017). Classes with one number are left out. Numbers must be finite; pairs beyond the shorter slice are left out.
pub fn mutual_information_numeric(values: &[f64], classes: &[usize], neighbours: usize) -> f64 {
    let mut pairs: Vec<(f64, usize)> = values.iter().copied().zip(classes.iter().copied()).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    sorted_information(&pairs, neighbours)
}

/// [`mutual_information_numeric`] of pairs sorted by value.
pub(crate) fn sorted_information(pairs: &[(f64, usize)], neighbours: usize) -> f64 {
    let mut by_class: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    pairs.iter().for_each(|&(value, class)| by_class.entry(class).or_default().push(value));
    by_class.retain(|_, values| values.len() > 1);
    let kept: Vec<f64> = pairs.iter().filter(|(_, class)| by_class.contains_key(class)).map(|pair| pair.0).collect();
    let n = kept.len();
    if n == 0 || neighbours == 0 {
        return 0.0;
    }
    let digamma = digamma_table(n);
    let mut sum = 0.0;
    for values in by_class.values() {
        let k = neighbours.min(values.len() - 1);
        sum -= values.len() as f64 * digamma[values.len()];
        // Within a class the windows move up with the values, so the counts are summed in a fixed order.
        for place in 0..values.len() {
            let (distance, value) = (reach(values, place, k), values[place]);
            // Among equal values the neighbours are all of these, as many as there are.
            let equal =
                || values.partition_point(|&other| other <= value) - values.partition_point(|&other| other < value);
            sum += digamma[if distance > 0.0 { k } else { equal() }];
            let radius = distance.next_down().max(0.0);
            let from = kept.partition_point(|&other| other < value && value - other > radius);
            let to = kept.partition_point(|&other| other <= value || other - value <= radius);
            sum -= digamma[to - from];
        }
    }
    (digamma[n] + sum / n as f64).max(0.0)
}

/// The distance from one of ascending values to its `k`-th nearest other.
fn reach(values: &[f64], place: usize, k: usize) -> f64 {
    let (mut low, mut high, mut distance) = (place, place, 0.0);
    for _ in 0..k {
        let below = if low > 0 { values[place] - values[low - 1] } else { f64::INFINITY };
        let above = values.get(high + 1).map_or(f64::INFINITY, |value| value - values[place]);
        if below <= above {
            (low, distance) = (low - 1, below);
        } else {
            (high, distance) = (high + 1, above);
        }
    }
    distance
}

/// digamma of 0 (unused), 1, ..., n, by its recurrence.
fn digamma_table(n: usize) -> Vec<f64> {
    let mut table = vec![f64::NAN, -EULER];
    for i in 1..n {
        table.push(table[i] + 1.0 / i as f64);
    }
    table
}
