use super::words::{parting, short};
use crate::explore::columns::{Numbers, Values};
use crate::explore::features::Feature;

/// Where intervals of numbers begin and end, as shares of the samples: tails on both sides, and what lies between.
const INTERVALS: [(f64, f64); 11] = [
    (0.0, 0.1),
    (0.0, 0.2),
    (0.0, 0.35),
    (0.0, 0.5),
    (0.5, 1.0),
    (0.65, 1.0),
    (0.8, 1.0),
    (0.9, 1.0),
    (0.2, 0.4),
    (0.4, 0.6),
    (0.6, 0.8),
];

/// A group of samples that a rule describes.
#[derive(Debug)]
pub(super) struct Slice {
    /// The rule in words, to follow "Samples with" or, for a cluster, "Samples in".
    pub(super) rule: String,
    /// The rows, ascending.
    pub(super) rows: Vec<usize>,
    /// The feature's place, where one describes it.
    pub(super) feature: Option<usize>,
    /// The cluster's number, where it is one.
    pub(super) cluster: Option<usize>,
}

impl Slice {
    /// "with image_mean below 71.2", "in cluster 3".
    pub(super) fn which(&self) -> String {
        format!("{} {}", if self.cluster.is_some() { "in" } else { "with" }, self.rule)
    }
}

/// All groups with at least `support` samples on either side: intervals of each numeric feature between quantiles, each
/// category, samples without a value, and each cluster. Rules are not combined: pairs would square the number of tests, and
/// clusters find such groups.
pub(super) fn slices(features: &[Feature<'_>], clusters: &[Option<usize>], rows: usize, support: usize) -> Vec<Slice> {
    let mut all = Vec::new();
    for (place, feature) in features.iter().enumerate() {
        let mut add =
            |rule: String, rows: Vec<usize>| all.push(Slice { rule, rows, feature: Some(place), cluster: None });
        let name = short(&feature.name);
        match feature.values.as_ref() {
            Values::Numbers(numbers) => intervals(&name, numbers, &mut add),
            Values::Categories(categories) => {
                for (code, category) in categories.names.iter().enumerate() {
                    let rows = (0..rows).filter(|&row| categories.codes[row] == Some(code)).collect();
                    add(format!("{name} = {}", short(category)), rows);
                }
            }
        }
        let missing = |row: &usize| match feature.values.as_ref() {
            Values::Numbers(numbers) => !numbers.values[*row].is_finite(),
            Values::Categories(categories) => categories.codes[*row].is_none(),
        };
        add(format!("{name} missing"), (0..rows).filter(missing).collect());
    }
    for cluster in 0..clusters.iter().flatten().max().map_or(0, |last| last + 1) {
        let rows = (0..rows).filter(|&row| clusters[row] == Some(cluster)).collect();
        all.push(Slice { rule: format!("cluster {cluster}"), rows, feature: None, cluster: Some(cluster) });
    }
    all.retain(|slice| slice.rows.len() >= support && rows - slice.rows.len() >= support);
    all
}

/// Intervals between quantiles, moved to where values change; each once.
fn intervals(name: &str, numbers: &Numbers, add: &mut impl FnMut(String, Vec<usize>)) {
    let n = numbers.order.len();
    let edge = |share: f64| {
        let place = (share * n as f64).round() as usize;
        // Past the values that are equal to the one before the edge.
        (place..n).find(|&at| at == 0 || numbers.at(at) != numbers.at(at - 1)).unwrap_or(n)
    };
    let mut seen = Vec::new();
    for (from, to) in INTERVALS.map(|(from, to)| (edge(from), edge(to))) {
        if from >= to || to - from == n || seen.contains(&(from, to)) {
            continue;
        }
        seen.push((from, to));
        let part = |at: usize| parting(numbers.at(at - 1), numbers.at(at));
        let rule = match (from, to) {
            (0, _) => format!("{name} below {}", part(to)),
            (_, to) if to == n => format!("{name} of {} or more", part(from)),
            _ => format!("{name} from {} to {}", part(from), part(to)),
        };
        let mut rows: Vec<usize> = numbers.order[from..to].iter().map(|&row| row as usize).collect();
        rows.sort_unstable();
        add(rule, rows);
    }
}
