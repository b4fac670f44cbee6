use candle_core::Tensor;
use serde::Serialize;

use super::symmetric;
use crate::explore::Matrix;
use crate::explore::product::{Centred, product, tensor};
use crate::{Error, Result};

/// Principal components: the directions in which rows vary most, by the exact decomposition.
///
/// Everything is computed in f64 from the centred rows: the covariance of the columns or, where there are fewer rows than
/// columns, the products of the rows, and its largest eigenvalues. Variances divide by `rows - 1`, and of each component the
/// entry that is largest in size is positive, as scikit-learn's `PCA` with `svd_solver="full"` has it (version 1.5 or later).
/// Components without variance are left out, so constant data has none.
///
/// The cost is `rows x columns x min(rows, columns)` multiplications and the cube of the smaller side; memory is the square of
/// the smaller side in f64, with a working copy. The bits are the same for every number of threads.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Pca {
    /// How many components were kept.
    pub dimensions: usize,
    /// The variance along each, largest first.
    pub explained_variance: Vec<f64>,
    /// The same as a share of the total variance.
    pub explained_variance_ratio: Vec<f64>,
    /// The sum of the variances of all columns.
    pub total_variance: f64,
    #[serde(skip)]
    means: Vec<f64>,
    #[serde(skip)]
    components: Vec<Vec<f64>>,
}

impl Pca {
    /// The leading `dimensions` components of the rows, or fewer where the rows do not vary in so many directions.
    ///
    /// # Errors
    /// [`Error::Tensor`] when a matrix product fails.
    pub fn fit(matrix: &Matrix, dimensions: usize) -> Result<Self> {
        let (rows, columns) = (matrix.rows(), matrix.columns());
        let centred = Centred::new(matrix);
        let order = rows.min(columns);
        let by_rows = rows < columns;
        let gram = if by_rows { products_of_rows(&centred, rows)? } else { products_of_columns(&centred, columns)? };
        let total: f64 = (0..order).map(|place| gram[place * order + place]).sum();
        let (mut squares, mut vectors) = symmetric::leading(gram, order, dimensions);
        let negligible = total * rows.max(columns) as f64 * f64::EPSILON;
        let kept = squares.iter().take_while(|&&square| square > negligible).count();
        squares.truncate(kept);
        vectors.truncate(kept);
        let mut components = if by_rows { to_columns(&centred, &vectors, &squares)? } else { vectors };
        components.iter_mut().for_each(|component| settle_sign(component));
        let degrees = rows.saturating_sub(1).max(1) as f64;
        Ok(Self {
            dimensions: kept,
            explained_variance: squares.iter().map(|square| square / degrees).collect(),
            explained_variance_ratio: squares.iter().map(|square| square / total).collect(),
            total_variance: total / degrees,
            means: centred.means().to_vec(),
            components,
        })
    }

    /// The mean of each column.
    pub fn means(&self) -> &[f64] {
        &self.means
    }

    /// The components, each of length 1, the one with the largest variance first.
    pub fn components(&self) -> &[Vec<f64>] {
        &self.components
    }

    /// The rows' coordinates along the components, `rows x dimensions`; what is too large for an f32 becomes the largest one.
    ///
    /// # Errors
    /// [`Error::Argument`] when rows have another length than those of the fit.
    pub fn transform(&self, matrix: &Matrix) -> Result<Matrix> {
        if matrix.columns() != self.means.len() && matrix.rows() > 0 {
            let (expected, found) = (format!("rows of {} numbers", self.means.len()), matrix.columns().to_string());
            return Err(Error::argument("Pca::transform", expected, found));
        }
        let mut scores = Vec::with_capacity(matrix.rows() * self.dimensions);
        if self.dimensions > 0 {
            let components = tensor(self.components.concat(), self.dimensions, self.means.len())?;
            let components = transposed(&components)?;
            for block in Centred::by(matrix, self.means.clone()).row_blocks() {
                let largest = f64::from(f32::MAX);
                let products = product(&block?.1, &components)?;
                scores.extend(products.into_iter().map(|score| score.clamp(-largest, largest) as f32));
            }
        }
        Matrix::new(matrix.rows(), self.dimensions, scores)
    }
}

fn transposed(tensor: &Tensor) -> Result<Tensor> {
    tensor.t().map_err(Error::tensor("Pca"))
}

/// `X' X`, block by block of rows.
fn products_of_columns(centred: &Centred<'_>, columns: usize) -> Result<Vec<f64>> {
    let mut sums = vec![0.0; columns * columns];
    for block in centred.row_blocks() {
        let block = block?.1;
        add(&mut sums, &product(&transposed(&block)?, &block)?);
    }
    Ok(sums)
}

/// `X X'`, block by block of columns.
fn products_of_rows(centred: &Centred<'_>, rows: usize) -> Result<Vec<f64>> {
    let mut sums = vec![0.0; rows * rows];
    for block in centred.column_blocks() {
        let block = block?.1;
        add(&mut sums, &product(&block, &transposed(&block)?)?);
    }
    Ok(sums)
}

fn add(sums: &mut [f64], more: &[f64]) {
    sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
}

/// Left singular vectors to right ones: `X' u / s`.
fn to_columns(centred: &Centred<'_>, vectors: &[Vec<f64>], squares: &[f64]) -> Result<Vec<Vec<f64>>> {
    let mut components: Vec<Vec<f64>> = vec![Vec::new(); vectors.len()];
    if vectors.is_empty() {
        return Ok(components);
    }
    let left = tensor(vectors.concat(), vectors.len(), vectors[0].len())?;
    for block in centred.column_blocks() {
        let block = block?.1;
        let width = block.dim(1).map_err(Error::tensor("Pca"))?;
        let parts = product(&left, &block)?;
        for ((component, part), square) in components.iter_mut().zip(parts.chunks(width)).zip(squares) {
            component.extend(part.iter().map(|value| value / square.sqrt()));
        }
    }
    Ok(components)
}

/// Makes the entry that is largest in size positive; of equal ones the first decides.
fn settle_sign(component: &mut [f64]) {
    let largest =
        component.iter().fold(0.0, |largest: f64, &value| if value.abs() > largest.abs() { value } else { largest });
    if largest < 0.0 {
        component.iter_mut().for_each(|value| *value = -*value);
    }
}
