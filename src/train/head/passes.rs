//! The two products that fitting needs: rows times weights, and rows summed by factors.

use std::array::from_fn;
use std::ops::Range;

use rayon::prelude::*;

/// Columns that are worked on side by side.
const LANES: usize = 4;
/// Rows that go together. Sums are formed inside a chunk and then over the chunks in their order, whatever the threads.
const CHUNK: usize = 256;

/// Some rows of a matrix, read where they lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    /// All of the matrix, row by row.
    pub(super) values: &'a [f32],
    /// The length of a row; at least 1.
    pub(super) columns: usize,
    /// Which of its rows, in their order.
    pub(super) chosen: &'a [usize],
}

impl<'a> Rows<'a> {
    /// How many were chosen.
    pub(super) fn len(&self) -> usize {
        self.chosen.len()
    }

    /// A row by its place among the chosen.
    pub(super) fn row(&self, place: usize) -> &'a [f32] {
        &self.values[self.chosen[place] * self.columns..][..self.columns]
    }

    /// The rows times the transpose of `weights`, which is `(classes, columns)`, plus `offsets`: `(rows, classes)`.
    pub(super) fn times(&self, weights: &[f64], offsets: &[f64]) -> Vec<f64> {
        let classes = offsets.len();
        let mut products = vec![0.0; self.len() * classes];
        products.par_chunks_mut(CHUNK * classes).enumerate().for_each(|(chunk, products)| {
            for (products, place) in products.chunks_exact_mut(classes).zip(chunk * CHUNK..) {
                times(self.row(place), weights, products);
                add(products, offsets);
            }
        });
        products
    }

    /// The transpose of `factors`, which is `(rows, classes)`, times the rows: `(classes, columns)`.
    pub(super) fn weighed(&self, factors: &[f64], classes: usize) -> Vec<f64> {
        let parts = in_chunks(self.len(), |places: Range<usize>| {
            let mut sums = vec![0.0; classes * self.columns];
            let mut place = places.start;
            for factors in factors[places.start * classes..places.end * classes].chunks(4 * classes) {
                if factors.len() == 4 * classes {
                    spread(from_fn::<_, 4, _>(|row| self.row(place + row)), factors, &mut sums, classes);
                    place += 4;
                } else {
                    for factors in factors.chunks_exact(classes) {
                        spread([self.row(place)], factors, &mut sums, classes);
                        place += 1;
                    }
                }
            }
            sums
        });
        total(parts).unwrap_or_else(|| vec![0.0; classes * self.columns])
    }
}

/// What `work` makes of each chunk of `0..count`, in their order.
pub(super) fn in_chunks<T: Send>(count: usize, work: impl Fn(Range<usize>) -> T + Sync) -> Vec<T> {
    let chunks = (0..count.div_ceil(CHUNK)).into_par_iter();
    chunks.map(|chunk| work(chunk * CHUNK..count.min((chunk + 1) * CHUNK))).collect()
}

/// The element-wise sum, from the first to the last; none of no parts.
pub(super) fn total(parts: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    parts.into_iter().reduce(|mut sums, part| {
        add(&mut sums, &part);
        sums
    })
}

/// Adds `other` to `to`, element by element.
pub(super) fn add(to: &mut [f64], other: &[f64]) {
    to.iter_mut().zip(other).for_each(|(to, other)| *to += other);
}

/// The sum of products, in eight running sums that are added last.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        sums = from_fn(|lane| sums[lane] + a[lane] * b[lane]);
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

/// A row times all classes, at most three at a time: as many sums as fit the registers.
fn times(row: &[f32], weights: &[f64], products: &mut [f64]) {
    let weights = weights.chunks(3 * row.len());
    for (products, weights) in products.chunks_mut(3).zip(weights) {
        match products.len() {
            1 => dots::<1>(row, weights, products),
            2 => dots::<2>(row, weights, products),
            _ => dots::<3>(row, weights, products),
        }
    }
}

/// A row times `K` classes.
fn dots<const K: usize>(row: &[f32], weights: &[f64], products: &mut [f64]) {
    let weights: [&[f64]; K] = from_fn(|k| &weights[k * row.len()..][..row.len()]);
    let (values, rest) = row.as_chunks::<LANES>();
    let blocks: [&[[f64; LANES]]; K] = from_fn(|k| &weights[k].as_chunks().0[..values.len()]);
    let mut sums = [[0.0; LANES]; K];
    for (block, values) in values.iter().enumerate() {
        let values = values.map(f64::from);
        for k in 0..K {
            for lane in 0..LANES {
                sums[k][lane] += values[lane] * blocks[k][block][lane];
            }
        }
    }
    for k in 0..K {
        let weights = weights[k].as_chunks::<LANES>().1;
        let rest: f64 = rest.iter().zip(weights).map(|(&value, weight)| f64::from(value) * weight).sum();
        products[k] = sums[k].iter().sum::<f64>() + rest;
    }
}

/// Adds `R` rows to the sums of all classes, each by its factor for the class; three classes at a time.
fn spread<const R: usize>(rows: [&[f32]; R], factors: &[f64], sums: &mut [f64], classes: usize) {
    for (group, sums) in sums.chunks_mut(3 * rows[0].len()).enumerate() {
        let factor = |row: usize, k: usize| factors[row * classes + 3 * group + k];
        match classes - 3 * group {
            1 => accumulate::<R, 1>(rows, factor, sums),
            2 => accumulate::<R, 2>(rows, factor, sums),
            _ => accumulate::<R, 3>(rows, factor, sums),
        }
    }
}

/// Adds `R` rows to the sums of `K` classes.
fn accumulate<const R: usize, const K: usize>(
    rows: [&[f32]; R],
    factor: impl Fn(usize, usize) -> f64,
    sums: &mut [f64],
) {
    let columns = rows[0].len();
    let factors: [[f64; K]; R] = from_fn(|row| from_fn(|k| factor(row, k)));
    let rows: [&[f32]; R] = from_fn(|row| &rows[row][..columns]);
    let Ok(sums) = sums.get_disjoint_mut::<Range<usize>, K>(from_fn(|k| k * columns..(k + 1) * columns)) else {
        return;
    };
    for column in 0..columns {
        let values: [f64; R] = from_fn(|row| f64::from(rows[row][column]));
        for k in 0..K {
            let mut sum = sums[k][column];
            for row in 0..R {
                sum += factors[row][k] * values[row];
            }
            sums[k][column] = sum;
        }
    }
}
