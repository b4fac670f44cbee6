//! The largest eigenvalues of a symmetric matrix, with their vectors, directly and without a limit on how they lie.

use rayon::prelude::*;

use crate::explore::product::dot;
use crate::rng::SplitMix64;

/// Rows that one task takes at least.
const GRAIN: usize = 32;

/// Solves with the shifted tridiagonal matrix that make an eigenvector.
const SOLVES: usize = 6;

/// The `wanted` largest eigenvalues of a symmetric matrix, given whole and row by row, and their vectors of length 1.
///
/// Householder reflections make it tridiagonal, Sturm counts bisect the eigenvalues to the last bit, and inverse iteration
/// finds the vectors, each kept at right angles to those before it (Golub and Van Loan, "Matrix Computations", 8.3 and 8.4;
/// Parlett, "The Symmetric Eigenvalue Problem", chapters 3 and 4). Equal eigenvalues get vectors of their own. The cost grows
/// with the cube of the order. The bits do not depend on the number of threads.
pub(super) fn leading(mut matrix: Vec<f64>, order: usize, wanted: usize) -> (Vec<f64>, Vec<Vec<f64>>) {
    let (tridiagonal, reflectors) = reduce(&mut matrix, order);
    drop(matrix);
    let wanted = wanted.min(order);
    let values: Vec<f64> = (0..wanted).into_par_iter().map(|place| tridiagonal.value(place)).collect();
    let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(wanted);
    for (place, &value) in values.iter().enumerate() {
        let vector = tridiagonal.vector(value, place as u64, &vectors);
        vectors.push(vector);
    }
    vectors.par_iter_mut().for_each(|vector| {
        for (step, reflector) in reflectors.iter().enumerate().rev() {
            let tail = &mut vector[step + 1..];
            let along = dot(reflector, tail);
            tail.iter_mut().zip(reflector).for_each(|(value, part)| *value -= along * part);
        }
    });
    (values, vectors)
}

/// A symmetric tridiagonal matrix.
struct Tridiagonal {
    diagonal: Vec<f64>,
    beside: Vec<f64>,
    norm: f64,
}

/// Reduces to tridiagonal form; each reflector `I - v v'` is kept as its `v`, of length root two or all zero.
fn reduce(matrix: &mut [f64], order: usize) -> (Tridiagonal, Vec<Vec<f64>>) {
    let mut reflectors: Vec<Vec<f64>> = Vec::with_capacity(order.saturating_sub(1));
    let (mut diagonal, mut beside) = (Vec::with_capacity(order), Vec::with_capacity(order));
    // What the step before takes off: `v w' + w v'`, from its first row on.
    let mut pending: Option<(Vec<f64>, Vec<f64>)> = None;
    for step in 0..order {
        // The step's own row first, since it says what the reflector is.
        let row = &mut matrix[step * order + step..(step + 1) * order];
        if let Some((v, w)) = &pending {
            take_off(row, v[0], w[0], v, w);
        }
        diagonal.push(row[0]);
        let (reflector, length) = reflect(&row[1..]);
        if step + 1 < order {
            beside.push(length);
        }
        // One pass over the rest: take off what is pending, and multiply by the new reflector.
        let product: Vec<f64> = matrix[(step + 1) * order..]
            .par_chunks_mut(order)
            .with_min_len(GRAIN)
            .enumerate()
            .map(|(place, row)| {
                let row = &mut row[step + 1..];
                if let Some((v, w)) = &pending {
                    take_off(row, v[place + 1], w[place + 1], &v[1..], &w[1..]);
                }
                dot(row, &reflector)
            })
            .collect();
        let half = dot(&product, &reflector) / 2.0;
        let w = product.iter().zip(&reflector).map(|(product, part)| product - half * part).collect();
        pending = Some((reflector.clone(), w));
        reflectors.push(reflector);
    }
    let around = |place: usize| {
        let side =
            |place: Option<usize>| place.and_then(|place| beside.get(place)).map_or(0.0, |side: &f64| side.abs());
        diagonal[place].abs() + side(place.checked_sub(1)) + side(Some(place))
    };
    let norm = (0..order).map(around).fold(0.0, f64::max);
    (Tridiagonal { diagonal, beside, norm }, reflectors)
}

/// `row -= v_row w + w_row v`.
fn take_off(row: &mut [f64], v_row: f64, w_row: f64, v: &[f64], w: &[f64]) {
    for ((value, v), w) in row.iter_mut().zip(v).zip(w) {
        *value -= v_row * w + w_row * v;
    }
}

/// The reflector that turns `column` into a multiple of its first axis, and that multiple.
fn reflect(column: &[f64]) -> (Vec<f64>, f64) {
    let largest = column.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    if column.len() < 2 || largest == 0.0 {
        return (vec![0.0; column.len()], column.first().copied().unwrap_or(0.0));
    }
    let mut v: Vec<f64> = column.iter().map(|value| value / largest).collect();
    let length = dot(&v, &v).sqrt() * if v[0] > 0.0 { -1.0 } else { 1.0 };
    v[0] -= length;
    let scale = (2.0 / dot(&v, &v)).sqrt();
    v.iter_mut().for_each(|value| *value *= scale);
    (v, length * largest)
}

impl Tridiagonal {
    /// The eigenvalue that `place` others exceed, equal ones counted.
    fn value(&self, place: usize) -> f64 {
        let (mut low, mut high) = (-self.norm, self.norm);
        loop {
            let middle = low + (high - low) / 2.0;
            if middle <= low || middle >= high || high - low <= f64::EPSILON * self.norm / 16.0 {
                return middle;
            }
            if self.above(middle) > place { low = middle } else { high = middle }
        }
    }

    /// How many eigenvalues exceed `shift`: the positive pivots of `T - shift` (Sylvester's law of inertia).
    fn above(&self, shift: f64) -> usize {
        let tiny = f64::MIN_POSITIVE.max(self.norm * f64::EPSILON * f64::EPSILON);
        let (mut count, mut pivot) = (0, 1.0);
        for (place, diagonal) in self.diagonal.iter().enumerate() {
            let side = if place == 0 { 0.0 } else { self.beside[place - 1] };
            pivot = diagonal - shift - side * side / pivot;
            if pivot.abs() < tiny {
                pivot = -tiny;
            }
            count += usize::from(pivot > 0.0);
        }
        count
    }

    /// The vector of an eigenvalue, at right angles to `before`.
    fn vector(&self, value: f64, seed: u64, before: &[Vec<f64>]) -> Vec<f64> {
        let order = self.diagonal.len();
        let mut rng = SplitMix64::new(seed);
        let mut draw = || (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64 - 0.5;
        let mut vector: Vec<f64> = (0..order).map(|_| draw()).collect();
        let factors = Factors::of(self, value);
        for _ in 0..SOLVES {
            orthogonalise(&mut vector, before);
            factors.solve(&mut vector);
            orthogonalise(&mut vector, before);
        }
        vector
    }
}

/// Takes off what lies along the unit vectors `before`, twice, and makes the length 1.
fn orthogonalise(vector: &mut [f64], before: &[Vec<f64>]) {
    let largest = vector.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    if largest > 0.0 {
        vector.iter_mut().for_each(|value| *value /= largest);
    }
    for _ in 0..2 {
        for other in before {
            let along = dot(vector, other);
            vector.iter_mut().zip(other).for_each(|(value, other)| *value -= along * other);
        }
    }
    let length = dot(vector, vector).sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
}

/// `T - shift` as a lower and an upper factor, rows exchanged for the larger pivot.
struct Factors {
    /// The upper factor's rows: the diagonal and the two places to its right.
    upper: Vec<[f64; 3]>,
    /// For each step whether two rows were exchanged, and the multiple of the upper that was taken off the lower.
    steps: Vec<(bool, f64)>,
}

impl Factors {
    fn of(matrix: &Tridiagonal, shift: f64) -> Self {
        let order = matrix.diagonal.len();
        let smallest = (matrix.norm * f64::EPSILON).max(f64::MIN_POSITIVE);
        let beside = |place: usize| matrix.beside.get(place).copied().unwrap_or(0.0);
        let (mut upper, mut steps) = (Vec::with_capacity(order), Vec::with_capacity(order));
        let mut row = [matrix.diagonal.first().map_or(0.0, |first| first - shift), beside(0), 0.0];
        for place in 0..order {
            if place + 1 == order {
                upper.push([if row[0].abs() < smallest { smallest } else { row[0] }, 0.0, 0.0]);
                break;
            }
            let next = [beside(place), matrix.diagonal[place + 1] - shift, beside(place + 1)];
            let swapped = next[0].abs() > row[0].abs();
            let (mut pivot, other) = if swapped { (next, row) } else { (row, next) };
            if pivot[0].abs() < smallest {
                pivot[0] = smallest;
            }
            let multiple = other[0] / pivot[0];
            row = [other[1] - multiple * pivot[1], other[2] - multiple * pivot[2], 0.0];
            upper.push(pivot);
            steps.push((swapped, multiple));
        }
        Self { upper, steps }
    }

    fn solve(&self, right: &mut [f64]) {
        for (place, &(swapped, multiple)) in self.steps.iter().enumerate() {
            if swapped {
                right.swap(place, place + 1);
            }
            right[place + 1] -= multiple * right[place];
        }
        for place in (0..right.len()).rev() {
            let [pivot, first, second] = self.upper[place];
            let known = |offset: usize| right.get(place + offset).copied().unwrap_or(0.0);
            right[place] = (right[place] - first * known(1) - second * known(2)) / pivot;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(order: usize, seed: u64) -> Vec<f64> {
        let mut rng = SplitMix64::new(seed);
        let mut matrix = vec![0.0; order * order];
        for row in 0..order {
            for column in 0..=row {
                let value = rng.next_u64() as f64 / u64::MAX as f64 - 0.5;
                (matrix[row * order + column], matrix[column * order + row]) = (value, value);
            }
        }
        matrix
    }

    fn holds(matrix: &[f64], order: usize, wanted: usize) -> Vec<f64> {
        let (values, vectors) = leading(matrix.to_vec(), order, wanted);
        let norm = matrix.iter().fold(1e-300, |norm: f64, value| norm.max(value.abs())) * order as f64;
        for (place, (value, vector)) in values.iter().zip(&vectors).enumerate() {
            for (row, part) in matrix.chunks(order).zip(vector) {
                let residual = (dot(row, vector) - value * part).abs();
                assert!(residual <= 1e-13 * norm, "order {order}, eigenvalue {place}: {residual}");
            }
            for (other, before) in vectors[..=place].iter().enumerate() {
                let expected = f64::from(u8::from(other == place));
                assert!((dot(before, vector) - expected).abs() < 1e-12, "vectors {other} and {place} of order {order}");
            }
        }
        assert!(values.windows(2).all(|pair| pair[0] >= pair[1] - 1e-13 * norm));
        values
    }

    #[test]
    fn eigenpairs_hold_for_every_order() {
        for order in [1, 2, 3, 4, 7, 40, 121] {
            let matrix = random(order, order as u64);
            let values = holds(&matrix, order, order);
            let trace: f64 = (0..order).map(|place| matrix[place * order + place]).sum();
            assert!((values.iter().sum::<f64>() - trace).abs() < 1e-11);
        }
    }

    #[test]
    fn equal_eigenvalues_get_vectors_of_their_own() {
        let mut matrix = vec![0.0; 30 * 30];
        (0..30).for_each(|place| matrix[place * 31] = if place < 20 { 3.0 } else { 1.0 });
        let values = holds(&matrix, 30, 25);
        assert!(values[..20].iter().all(|value| (value - 3.0).abs() < 1e-14));
        // I - (1/n) 1 1': n - 1 times 1, once 0, and not diagonal.
        let matrix: Vec<f64> =
            (0..50 * 50).map(|place| f64::from(u8::from(place / 50 == place % 50)) - 1.0 / 50.0).collect();
        let values = holds(&matrix, 50, 50);
        assert!((values[48] - 1.0).abs() < 1e-13 && values[49].abs() < 1e-13, "{values:?}");
    }

    #[test]
    fn zeros_and_very_different_sizes() {
        assert_eq!(holds(&[0.0; 9], 3, 3), [0.0; 3]);
        let diagonal = [1e12, 1.0, 1e-12, 5.0];
        let mut matrix = vec![0.0; 16];
        (0..4).for_each(|place| matrix[place * 5] = diagonal[place]);
        let values = holds(&matrix, 4, 2);
        assert!((values[0] / 1e12 - 1.0).abs() < 1e-15 && (values[1] - 5.0).abs() < 1e-3, "{values:?}");
        assert!(leading(Vec::new(), 0, 3).0.is_empty());
    }
}
