//! Products of many rows at once, in blocks of fixed size, so that memory is bounded and every thread count gives the same bits.

use candle_core::{Device, Tensor};

use super::Matrix;
use crate::{Error, Result};

/// Rows that are turned to f64 at a time.
const BLOCK: usize = 1024;

/// Numbers in one strip of distances: some rows against all.
const STRIP: usize = 1 << 21;

/// How many rows go into a strip against `rows` others, at most 256.
pub(super) fn strip_rows(rows: usize) -> usize {
    (STRIP / rows.max(1)).clamp(1, 256)
}

/// Sum of products, in eight running sums that are added last.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a8.remainder().iter().zip(b8.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a8.zip(b8) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// The squared length of the difference of two rows, in f64.
pub(super) fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    let mut sums = [0.0; 8];
    let square = |a: f32, b: f32| (f64::from(a) - f64::from(b)) * (f64::from(a) - f64::from(b));
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a8.remainder().iter().zip(b8.remainder()).map(|(&a, &b)| square(a, b)).sum();
    for (a, b) in a8.zip(b8) {
        for lane in 0..8 {
            sums[lane] += square(a[lane], b[lane]);
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// The mean of each column; zeros where there are no rows.
pub(super) fn column_means(matrix: &Matrix) -> Vec<f64> {
    let mut means = vec![0.0; matrix.columns()];
    for row in 0..matrix.rows() {
        means.iter_mut().zip(matrix.row(row)).for_each(|(mean, &value)| *mean += f64::from(value));
    }
    let rows = matrix.rows().max(1) as f64;
    means.iter_mut().for_each(|mean| *mean /= rows);
    means
}

/// `rows x columns` values as a tensor.
pub(super) fn tensor(values: Vec<f64>, rows: usize, columns: usize) -> Result<Tensor> {
    Tensor::from_vec(values, (rows, columns), &Device::Cpu).map_err(Error::tensor("product"))
}

/// `a x b` as plain numbers, row by row.
pub(super) fn product(a: &Tensor, b: &Tensor) -> Result<Vec<f64>> {
    let numbers = || a.matmul(b)?.flatten_all()?.to_vec1();
    numbers().map_err(Error::tensor("product"))
}

/// A matrix with its columns' means taken off, read in blocks of f64.
#[derive(Debug)]
pub(super) struct Centred<'a> {
    matrix: &'a Matrix,
    means: Vec<f64>,
}

impl<'a> Centred<'a> {
    /// Centres by the matrix's own means.
    pub(super) fn new(matrix: &'a Matrix) -> Self {
        Self { matrix, means: column_means(matrix) }
    }

    /// Centres by other means, one for each column.
    pub(super) const fn by(matrix: &'a Matrix, means: Vec<f64>) -> Self {
        Self { matrix, means }
    }

    /// The means.
    pub(super) fn means(&self) -> &[f64] {
        &self.means
    }

    /// The given rows, one after the other.
    pub(super) fn rows(&self, rows: impl IntoIterator<Item = usize>) -> Vec<f64> {
        let centred = |row| self.matrix.row(row).iter().zip(&self.means).map(|(&value, mean)| f64::from(value) - mean);
        rows.into_iter().flat_map(centred).collect()
    }

    /// All rows in blocks: the place of the first, and the block as a tensor.
    pub(super) fn row_blocks(&self) -> impl Iterator<Item = Result<(usize, Tensor)>> + '_ {
        let rows = self.matrix.rows();
        (0..rows).step_by(BLOCK).map(move |start| {
            let count = BLOCK.min(rows - start);
            Ok((start, tensor(self.rows(start..start + count), count, self.matrix.columns())?))
        })
    }

    /// All columns in blocks: the place of the first, and the `rows x count` block as a tensor.
    pub(super) fn column_blocks(&self) -> impl Iterator<Item = Result<(usize, Tensor)>> + '_ {
        let columns = self.matrix.columns();
        (0..columns).step_by(BLOCK).map(move |start| {
            let end = columns.min(start + BLOCK);
            let mut values = Vec::with_capacity(self.matrix.rows() * (end - start));
            for row in 0..self.matrix.rows() {
                let row = &self.matrix.row(row)[start..end];
                values.extend(row.iter().zip(&self.means[start..end]).map(|(&value, mean)| f64::from(value) - mean));
            }
            Ok((start, tensor(values, self.matrix.rows(), end - start)?))
        })
    }

    /// The squared distances of the given rows to all rows, `rows.len() x matrix.rows()`, none below zero.
    pub(super) fn squared_distances(&self, rows: &[usize]) -> Result<Vec<f64>> {
        let (count, all, columns) = (rows.len(), self.matrix.rows(), self.matrix.columns());
        let values = self.rows(rows.iter().copied());
        let own: Vec<f64> =
            (0..count).map(|row| &values[row * columns..(row + 1) * columns]).map(|row| dot(row, row)).collect();
        let queries = tensor(values, count, columns)?;
        let mut distances = vec![0.0; count * all];
        for block in self.row_blocks() {
            let (start, block) = block?;
            let transposed = block.t().map_err(Error::tensor("product"))?;
            let products = product(&queries, &transposed)?;
            let squares = block.sqr().and_then(|squares| squares.sum(1)).and_then(|sums| sums.to_vec1::<f64>());
            let squares = squares.map_err(Error::tensor("product"))?;
            for (row, products) in products.chunks(squares.len()).enumerate() {
                let into = &mut distances[row * all + start..][..squares.len()];
                for ((into, product), square) in into.iter_mut().zip(products).zip(&squares) {
                    *into = (own[row] + square - 2.0 * product).max(0.0);
                }
            }
        }
        Ok(distances)
    }
}
