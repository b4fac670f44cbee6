use serde::Serialize;

use crate::explore::{Matrix, Metric, Neighbours};
use crate::{Error, Result};

/// How clusters and neighbourhoods go with given classes. Rows without a class count nowhere; noise counts in `knn` alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Purity {
    /// For each cluster the share of its commonest class, in (0, 1]; none when no row of it has a class.
    pub clusters: Vec<Option<f64>>,
    /// For each cluster the commonest class; of equally common ones the smallest.
    pub classes: Vec<Option<usize>>,
    /// The share of rows whose class is their cluster's commonest (Manning, Raghavan, Schuetze, "Introduction to Information
    /// Retrieval", 16.3). It grows with the number of clusters.
    pub overall: Option<f64>,
    /// `1 - H(class | cluster) / H(class)`, in [0, 1]: 1 when each cluster has one class (Rosenberg and Hirschberg, 2007).
    pub homogeneity: Option<f64>,
    /// `1 - H(cluster | class) / H(cluster)`, in [0, 1]: 1 when each class has one cluster.
    pub completeness: Option<f64>,
    /// The mean share of a row's nearest neighbours that have its class, in [0, 1], whatever the clusters.
    pub knn: Option<f64>,
    /// How many neighbours that were.
    pub neighbours: usize,
}

impl Purity {
    pub(super) fn of(
        space: &Matrix,
        labels: &[Option<usize>],
        clusters: usize,
        classes: &[Option<usize>],
        neighbours: usize,
    ) -> Result<Self> {
        if classes.len() != labels.len() {
            let (expected, found) = (format!("{} classes", labels.len()), classes.len().to_string());
            return Err(Error::argument("Clustering::with_labels", expected, found));
        }
        let mut names: Vec<usize> = classes.iter().flatten().copied().collect();
        names.sort_unstable();
        names.dedup();
        let mut table = vec![vec![0usize; names.len()]; clusters];
        for (label, class) in labels.iter().zip(classes) {
            if let (Some(cluster), Some(Ok(class))) = (*label, class.map(|class| names.binary_search(&class))) {
                table[cluster][class] += 1;
            }
        }
        let total: usize = table.iter().flatten().sum();
        let commonest: Vec<Option<(usize, usize)>> = table
            .iter()
            .map(|counts| {
                counts.iter().copied().enumerate().rev().max_by_key(|&(_, count)| count).filter(|&(_, count)| count > 0)
            })
            .collect();
        let share = |(counts, commonest): (&Vec<usize>, &Option<(usize, usize)>)| {
            commonest.map(|(_, count)| count as f64 / counts.iter().sum::<usize>() as f64)
        };
        let right: usize = commonest.iter().flatten().map(|&(_, count)| count).sum();
        let columns: Vec<Vec<usize>> =
            (0..names.len()).map(|class| table.iter().map(|counts| counts[class]).collect()).collect();
        let known = |score: f64| (total > 0).then_some(score);
        let neighbours = neighbours.min(labels.len().saturating_sub(1));
        Ok(Self {
            clusters: table.iter().zip(&commonest).map(share).collect(),
            classes: commonest.iter().map(|commonest| commonest.map(|(class, _)| names[class])).collect(),
            overall: known(right as f64 / total as f64),
            homogeneity: known(explained(&columns, &table)),
            completeness: known(explained(&table, &columns)),
            knn: knn(space, classes, neighbours),
            neighbours,
        })
    }
}

/// `1 - H(what | given) / H(what)`, 1 where there is nothing to explain.
fn explained(what: &[Vec<usize>], given: &[Vec<usize>]) -> f64 {
    let total: usize = what.iter().flatten().sum();
    let sums = |groups: &[Vec<usize>]| groups.iter().map(|group| group.iter().sum()).collect::<Vec<usize>>();
    let entropy = |counts: &[usize]| -> f64 {
        let sum: usize = counts.iter().sum();
        let part = |&count: &usize| -(count as f64 / sum as f64) * (count as f64 / sum as f64).ln();
        counts.iter().filter(|&&count| count > 0).map(part).sum()
    };
    let whole = entropy(&sums(what));
    if whole <= 0.0 {
        return 1.0;
    }
    let left: f64 = given.iter().map(|group| group.iter().sum::<usize>() as f64 / total as f64 * entropy(group)).sum();
    (1.0 - left / whole).clamp(0.0, 1.0)
}

fn knn(space: &Matrix, classes: &[Option<usize>], neighbours: usize) -> Option<f64> {
    let rows: Vec<usize> = (0..classes.len()).filter(|&row| classes[row].is_some()).collect();
    let known = rows.iter().flat_map(|&row| space.row(row)).copied().collect();
    let known = Matrix::new(rows.len(), space.columns(), known).ok()?;
    let nearest = Neighbours::of(&known, neighbours, Metric::Euclidean);
    let share = |(row, places): (usize, &Vec<usize>)| {
        let same = places.iter().filter(|&&place| classes[rows[place]] == classes[rows[row]]).count();
        (!places.is_empty()).then(|| same as f64 / places.len() as f64)
    };
    let shares: Option<Vec<f64>> = nearest.indices.iter().enumerate().map(share).collect();
    shares.filter(|shares| !shares.is_empty()).map(|shares| shares.iter().sum::<f64>() / shares.len() as f64)
}
