use hdbscan::{Hdbscan, HdbscanHyperParams};

use crate::explore::Matrix;
use crate::{Error, Result};

/// HDBSCAN's cluster of each row, in any order of numbers; none for noise.
///
/// Computed in f64. Fewer rows than a cluster or a neighbourhood needs, or rows without columns, are all noise.
pub(super) fn labels(space: &Matrix, min_cluster_size: usize, min_samples: usize) -> Result<Vec<Option<usize>>> {
    let rows = space.rows();
    if rows < 2 || rows < min_cluster_size || rows < min_samples || space.columns() == 0 {
        return Ok(vec![None; rows]);
    }
    let row = |row: usize| space.row(row).iter().map(|&value| f64::from(value)).collect();
    let data: Vec<Vec<f64>> = (0..rows).map(row).collect();
    // Equal rows have infinite density, of which no differences can be taken.
    if data.iter().all(|row| *row == data[0]) {
        return Ok(vec![None; rows]);
    }
    let parameters = HdbscanHyperParams::builder().min_cluster_size(min_cluster_size).min_samples(min_samples).build();
    let labels = Hdbscan::new(&data, parameters).cluster();
    let labels = labels
        .map_err(|error| Error::argument("Clustering::hdbscan", "data that can be clustered", format!("{error:?}")))?;
    Ok(labels.into_iter().map(|label| usize::try_from(label).ok()).collect())
}
