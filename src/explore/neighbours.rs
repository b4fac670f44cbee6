use candle_core::{Device, Tensor};
use rayon::prelude::*;
use serde::Serialize;

use super::Matrix;
use super::product::{column_means, squared_distance, strip_rows};
use crate::{Error, Result};

/// How far apart two rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The length of the difference.
    #[default]
    Euclidean,
    /// 1 - cosine of the angle, in [0, 2]; 1 where a row is zero.
    Cosine,
}

/// The nearest rows of each row, exactly.
///
/// All pairs are compared. A matrix product in f32, in strips of bounded size, tells which rows can be among the nearest at all,
/// by the rounding error that such a product can have at most; those are ranked by distances in f64. So order and ties do not
/// depend on the product, and are the same on every machine and for every number of threads. The cost is
/// `rows x rows x columns` multiplications; memory is one copy of the matrix and a few strips of 8 MB.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Neighbours {
    /// For each row the places of its nearest rows, nearest first, itself left out; ties by place.
    pub indices: Vec<Vec<usize>>,
    /// Their distances.
    pub distances: Vec<Vec<f32>>,
}

impl Neighbours {
    /// The `k` nearest rows of each row (fewer when there are not so many).
    pub fn of(matrix: &Matrix, k: usize, metric: Metric) -> Self {
        Self::search(matrix, matrix, k, metric, true)
    }

    /// For each row of `queries` the `k` nearest rows of `among`, where a row that equals the query counts too.
    ///
    /// # Errors
    /// [`Error::Argument`] when the two have rows of different lengths.
    pub fn between(queries: &Matrix, among: &Matrix, k: usize, metric: Metric) -> Result<Self> {
        if queries.columns() != among.columns() && queries.rows() > 0 && among.rows() > 0 {
            let (expected, found) = (format!("queries of {} columns", among.columns()), queries.columns().to_string());
            return Err(Error::argument("Neighbours::between", expected, found));
        }
        Ok(Self::search(queries, among, k, metric, false))
    }

    fn search(queries: &Matrix, among: &Matrix, k: usize, metric: Metric, same: bool) -> Self {
        let reachable = among.rows().saturating_sub(usize::from(same));
        let k = k.min(reachable);
        if k == 0 {
            return Self { indices: vec![Vec::new(); queries.rows()], distances: vec![Vec::new(); queries.rows()] };
        }
        let frame = Frame::of(queries, among, metric);
        let targets = Prepared::new(among, &frame);
        let sources = if same { None } else { Some(Prepared::new(queries, &frame)) };
        let sources = sources.as_ref().unwrap_or(&targets);
        let slack = (among.columns() + 16) as f64 * f64::from(f32::EPSILON) / 2.0;
        let (mut indices, mut distances) = (Vec::new(), Vec::new());
        let strip = strip_rows(among.rows());
        for start in (0..queries.rows()).step_by(strip) {
            let count = strip.min(queries.rows() - start);
            // Without a product every row stays a candidate: slower, and as exact.
            let products = sources.products(&targets, start, count).unwrap_or_default();
            let nearest: Vec<(Vec<usize>, Vec<f32>)> = (0..count)
                .into_par_iter()
                .map(|place| {
                    let (row, excluded) = (start + place, same.then_some(start + place));
                    let products = products.get(place * among.rows()..(place + 1) * among.rows());
                    let candidates = match products {
                        Some(products) => sources.candidates(row, &targets, products, slack, k, excluded),
                        None => (0..among.rows()).filter(|&other| Some(other) != excluded).collect(),
                    };
                    rank(queries.row(row), among, &candidates, k, metric)
                })
                .collect();
            nearest.into_iter().for_each(|(places, lengths)| {
                indices.push(places);
                distances.push(lengths);
            });
        }
        Self { indices, distances }
    }
}

/// The `k` rows of `matrix` nearest to a row, or to a set of rows, among those that `filter` lets pass; the queries are left out.
/// Nearest first with their distances, ties by place.
///
/// The distance to a set is, for [`Metric::Euclidean`], the root of the mean squared distance to its members, and, for
/// [`Metric::Cosine`], the mean of the distances: each member counts alike, and for a set of one it is the plain distance. A row
/// that is named twice counts twice.
///
/// # Errors
/// [`Error::Argument`] when there is no query, or a query is not a row of the matrix.
pub fn similar(
    matrix: &Matrix,
    queries: &[usize],
    k: usize,
    metric: Metric,
    filter: impl Fn(usize) -> bool,
) -> Result<Vec<(usize, f32)>> {
    if let Some(&query) = queries.iter().find(|&&query| query >= matrix.rows()) {
        return Err(Error::argument("similar", format!("rows below {}", matrix.rows()), query.to_string()));
    }
    if queries.is_empty() {
        return Err(Error::argument("similar", "at least one query", "none"));
    }
    let unit = |row: &[f32]| match metric {
        Metric::Euclidean => 1.0,
        Metric::Cosine => {
            let norm = row.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
            if norm > 0.0 { 1.0 / norm } else { 0.0 }
        }
    };
    let mut centre = vec![0.0; matrix.columns()];
    for &query in queries {
        let (row, scale) = (matrix.row(query), unit(matrix.row(query)) / queries.len() as f64);
        centre.iter_mut().zip(row).for_each(|(centre, &value)| *centre += f64::from(value) * scale);
    }
    let from_centre = |row: &[f32]| -> f64 {
        row.iter().zip(&centre).map(|(&value, centre)| (f64::from(value) - centre).powi(2)).sum()
    };
    let spread = queries.iter().map(|&query| from_centre(matrix.row(query))).sum::<f64>() / queries.len() as f64;
    let mut taken = vec![false; matrix.rows()];
    queries.iter().for_each(|&query| taken[query] = true);
    let wanted: Vec<usize> = (0..matrix.rows()).filter(|&row| !taken[row] && filter(row)).collect();
    let mut ranked: Vec<(f64, usize)> = wanted
        .into_par_iter()
        .map(|place| {
            let row = matrix.row(place);
            let length = match (metric, queries) {
                (Metric::Cosine, &[query]) => distance(matrix.row(query), row, metric),
                (Metric::Euclidean, _) => (from_centre(row) + spread).sqrt(),
                (Metric::Cosine, _) => {
                    let cosine: f64 = row.iter().zip(&centre).map(|(&value, centre)| f64::from(value) * centre).sum();
                    (1.0 - cosine * unit(row)).max(0.0)
                }
            };
            (length, place)
        })
        .collect();
    ranked.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    Ok(ranked.into_iter().take(k).map(|(length, place)| (place, to_f32(length))).collect())
}

/// How rows are moved and scaled before the product.
struct Frame {
    means: Vec<f64>,
    scale: f64,
    metric: Metric,
}

impl Frame {
    /// The means of `among`, so that lengths, and with them errors, are small; the scale keeps every number within [-1, 1].
    fn of(queries: &Matrix, among: &Matrix, metric: Metric) -> Self {
        if metric == Metric::Cosine {
            return Self { means: vec![0.0; among.columns()], scale: 1.0, metric };
        }
        let means = column_means(among);
        let largest = |matrix: &Matrix| {
            let off =
                |row: usize| matrix.row(row).iter().zip(&means).map(|(&value, mean)| (f64::from(value) - mean).abs());
            (0..matrix.rows()).flat_map(off).fold(0.0, f64::max)
        };
        let largest = largest(queries).max(largest(among));
        Self { means, scale: if largest > 0.0 { 1.0 / largest } else { 1.0 }, metric }
    }
}

/// Rows ready for the product: the squared distance of a and b is `square(a) + square(b) - 2 a b`.
struct Prepared {
    rows: Option<Tensor>,
    squares: Vec<f64>,
    norms: Vec<f64>,
}

impl Prepared {
    fn new(matrix: &Matrix, frame: &Frame) -> Self {
        let mut values = Vec::with_capacity(matrix.values().len());
        let (mut squares, mut norms) = (Vec::new(), Vec::new());
        for row in 0..matrix.rows() {
            let row = matrix.row(row);
            let scale = match frame.metric {
                Metric::Euclidean => frame.scale,
                Metric::Cosine => {
                    let norm = row.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
                    if norm > 0.0 { 1.0 / norm } else { 0.0 }
                }
            };
            let start = values.len();
            values
                .extend(row.iter().zip(&frame.means).map(|(&value, mean)| ((f64::from(value) - mean) * scale) as f32));
            let square: f64 = values[start..].iter().map(|&value| f64::from(value).powi(2)).sum();
            norms.push(square.sqrt());
            squares.push(if frame.metric == Metric::Cosine { 1.0 } else { square });
        }
        let rows = Tensor::from_vec(values, (matrix.rows(), matrix.columns()), &Device::Cpu).ok();
        Self { rows, squares, norms }
    }

    fn products(&self, targets: &Self, start: usize, count: usize) -> Option<Vec<f32>> {
        let (rows, others) = (self.rows.as_ref()?, targets.rows.as_ref()?);
        if others.elem_count() == 0 {
            return None;
        }
        let products = || rows.narrow(0, start, count)?.matmul(&others.t()?)?.flatten_all()?.to_vec1();
        products().ok()
    }

    /// Every row that may be among the `k` nearest. An f32 product of `d` terms is off by at most `(d + 2) u |a| |b|`
    /// (Higham, "Accuracy and Stability of Numerical Algorithms", 3.1) in whatever order it is summed; `slack (|a| + |b|)^2` is
    /// above that and the rounding of the rows themselves.
    fn candidates(
        &self,
        row: usize,
        targets: &Self,
        products: &[f32],
        slack: f64,
        k: usize,
        excluded: Option<usize>,
    ) -> Vec<usize> {
        let (square, norm) = (self.squares[row], self.norms[row]);
        let bounds = |other: usize| {
            let about = square + targets.squares[other] - 2.0 * f64::from(products[other]);
            let error = slack * (norm + targets.norms[other]).powi(2) + f64::from(f32::MIN_POSITIVE);
            (about - error, about + error)
        };
        let others = || (0..products.len()).filter(|&other| Some(other) != excluded);
        let mut above: Vec<f64> = others().map(|other| bounds(other).1).collect();
        let (_, &mut limit, _) = above.select_nth_unstable_by(k - 1, f64::total_cmp);
        others().filter(|&other| bounds(other).0 <= limit).collect()
    }
}

/// The `k` nearest of the candidates by their distances in f64.
fn rank(query: &[f32], among: &Matrix, candidates: &[usize], k: usize, metric: Metric) -> (Vec<usize>, Vec<f32>) {
    let mut ranked: Vec<(f64, usize)> =
        candidates.iter().map(|&other| (distance(query, among.row(other), metric), other)).collect();
    ranked.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    ranked.into_iter().take(k).map(|(length, place)| (place, to_f32(length))).unzip()
}

fn distance(a: &[f32], b: &[f32], metric: Metric) -> f64 {
    if a == b && (metric == Metric::Euclidean || a.iter().any(|&value| value != 0.0)) {
        return 0.0;
    }
    match metric {
        Metric::Euclidean => squared_distance(a, b).sqrt(),
        Metric::Cosine => {
            let pairs = a.iter().zip(b).map(|(&a, &b)| (f64::from(a), f64::from(b)));
            let sums = pairs.fold([0.0; 3], |[dot, x, y], (a, b)| [dot + a * b, x + a * a, y + b * b]);
            let scale = sums[1].sqrt() * sums[2].sqrt();
            if scale > 0.0 { (1.0 - sums[0] / scale).max(0.0) } else { 1.0 }
        }
    }
}

/// The nearest f32, never infinite.
fn to_f32(length: f64) -> f32 {
    length.min(f64::from(f32::MAX)) as f32
}
