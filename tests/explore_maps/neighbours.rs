use leap_binder::explore::{Matrix, Metric, Neighbours, similar};
use leap_binder::rng::SplitMix64;
use proptest::prelude::*;

use super::golden::{assert_close, digits, even, golden, places, tables};

const METRICS: [(Metric, &str); 2] = [(Metric::Euclidean, "euclidean"), (Metric::Cosine, "cosine")];

fn distance(a: &[f32], b: &[f32], metric: Metric) -> f64 {
    let pairs: Vec<(f64, f64)> = a.iter().zip(b).map(|(&a, &b)| (f64::from(a), f64::from(b))).collect();
    let sum = |of: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|&(a, b)| of(a, b)).sum::<f64>();
    match metric {
        Metric::Euclidean => sum(&|a, b| (a - b) * (a - b)).sqrt(),
        Metric::Cosine => {
            let (dot, x, y) = (sum(&|a, b| a * b), sum(&|a, _| a * a), sum(&|_, b| b * b));
            if x > 0.0 && y > 0.0 { 1.0 - dot / (x * y).sqrt() } else { 1.0 }
        }
    }
}

#[test]
fn equal_to_scikit_learn() {
    let matrix = digits();
    for (metric, name) in METRICS {
        let expected = golden(&format!("/neighbours/{name}"));
        let found = Neighbours::of(&matrix, 8, metric);
        let rows = tables(&expected["distances"]);
        for (row, (distances, indices)) in rows.iter().zip(expected["indices"].as_array().unwrap()).enumerate() {
            assert_eq!(found.indices[row], places(indices), "{name}, row {row}");
            let lengths: Vec<f64> = found.distances[row].iter().map(|&length| f64::from(length)).collect();
            assert_close(&lengths, distances, 4e-6 * distances[7].max(1.0), name);
        }
    }
}

/// Sorted lists of all distances, by place where they are equal.
fn naive(queries: &Matrix, among: &Matrix, k: usize, metric: Metric, same: bool) -> Vec<Vec<usize>> {
    let nearest = |row: usize| {
        let others = (0..among.rows()).filter(|&other| !same || other != row);
        let mut all: Vec<(f64, usize)> =
            others.map(|other| (distance(queries.row(row), among.row(other), metric), other)).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        all.into_iter().take(k).map(|(_, other)| other).collect()
    };
    (0..queries.rows()).map(nearest).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    // Whole numbers make many ties, and the sums of their squares are exact in any order.
    #[test]
    fn ties_stand_by_place(rows in 0usize..40, columns in 0usize..6, k in 0usize..50, seed in any::<u64>(), far in any::<bool>()) {
        let mut rng = SplitMix64::new(seed);
        let offset = if far { 100_000.0 } else { 0.0 };
        let values = (0..rows * columns).map(|_| rng.below(3) as f32 + offset).collect();
        let matrix = Matrix::new(rows, columns, values).unwrap();
        let found = Neighbours::of(&matrix, k, Metric::Euclidean);
        prop_assert_eq!(&found.indices, &naive(&matrix, &matrix, k, Metric::Euclidean, true));
        let queries = Matrix::new(rows.min(3), columns, matrix.values()[..rows.min(3) * columns].to_vec()).unwrap();
        let between = Neighbours::between(&queries, &matrix, k, Metric::Euclidean).unwrap();
        prop_assert_eq!(&between.indices, &naive(&queries, &matrix, k, Metric::Euclidean, false));
        prop_assert!(between.distances.iter().flatten().all(|length| *length >= 0.0));
    }
}

/// Groups of nearly equal rows, far closer to each other than an f32 product can tell.
#[test]
fn order_is_that_of_exact_distances() {
    let mut rng = SplitMix64::new(9);
    let base: Vec<f32> = (0..300).map(|_| 100.0 * even(&mut rng)).collect();
    let near = |_| base.iter().map(|&value| value + 1e-4 * even(&mut rng)).collect::<Vec<f32>>();
    let rows: Vec<Vec<f32>> = (0..120).map(near).collect();
    let matrix = Matrix::from_rows(&rows).unwrap();
    for (metric, name) in METRICS {
        let found = Neighbours::of(&matrix, 10, metric);
        for row in 0..matrix.rows() {
            let worst = found.indices[row].iter().map(|&other| distance(matrix.row(row), matrix.row(other), metric));
            let worst = worst.fold(0.0, f64::max);
            let closer = (0..matrix.rows()).filter(|&other| other != row && !found.indices[row].contains(&other));
            let closest = closer.map(|other| distance(matrix.row(row), matrix.row(other), metric)).fold(9.0, f64::min);
            assert!(closest >= worst - 1e-15, "{name}, row {row}: left out {closest}, took {worst}");
        }
    }
}

#[test]
fn very_large_and_very_small_numbers() {
    let rows = [[0.0f32, 3e38], [0.0, -3e38], [1.0, 3e38], [1e-40, 2e-40], [0.0, 0.0]];
    let matrix = Matrix::from_rows(rows).unwrap();
    let found = Neighbours::of(&matrix, 4, Metric::Euclidean);
    assert_eq!(found.indices[0], [2, 3, 4, 1]);
    assert_eq!(found.indices[3], [4, 0, 1, 2]);
    assert!(found.distances.iter().flatten().all(|length| length.is_finite()));
    let found = Neighbours::of(&matrix, 4, Metric::Cosine);
    assert_eq!(found.indices[4], [0, 1, 2, 3]);
    assert_eq!(found.distances[4], [1.0; 4]);
    assert_eq!(found.indices[0], [2, 3, 4, 1]);
}

#[test]
fn rows_of_other_lengths_are_refused() {
    let (a, b) = (Matrix::new(1, 2, vec![0.0; 2]).unwrap(), Matrix::new(1, 3, vec![0.0; 3]).unwrap());
    let error = Neighbours::between(&a, &b, 1, Metric::Cosine).unwrap_err();
    assert_eq!(error.to_string(), "Neighbours::between: expected queries of 3 columns, found 2");
}

#[test]
fn similar_to_one_is_its_neighbours() {
    let matrix = digits();
    for (metric, name) in METRICS {
        let neighbours = Neighbours::of(&matrix, 8, metric);
        for row in [0, 17, 199] {
            let found = similar(&matrix, &[row], 8, metric, |_| true).unwrap();
            assert_eq!(found.iter().map(|&(place, _)| place).collect::<Vec<_>>(), neighbours.indices[row], "{name}");
            for ((_, found), expected) in found.iter().zip(&neighbours.distances[row]) {
                assert!((found - expected).abs() <= 1e-6 * expected, "{name}: {found} is not {expected}");
            }
        }
    }
}

#[test]
fn similar_to_a_set_counts_every_member() {
    let matrix = digits();
    let queries = [3, 5, 8, 13];
    for (metric, name) in METRICS {
        let found = similar(&matrix, &queries, 200, metric, |row| row % 2 == 0).unwrap();
        assert_eq!(found.len(), 99, "100 even rows but one, which is a query");
        assert!(found.iter().all(|(row, _)| row % 2 == 0 && !queries.contains(row)));
        assert!(found.windows(2).all(|pair| pair[0].1 <= pair[1].1));
        for &(row, length) in &found {
            let members = queries.map(|query| distance(matrix.row(query), matrix.row(row), metric));
            let expected = match metric {
                Metric::Euclidean => (members.iter().map(|length| length * length).sum::<f64>() / 4.0).sqrt(),
                Metric::Cosine => members.iter().sum::<f64>() / 4.0,
            };
            assert!((f64::from(length) - expected).abs() < 1e-5, "{name}, row {row}: {length} is not {expected}");
        }
    }
}

#[test]
fn similar_refuses_what_is_not_there() {
    let matrix = Matrix::new(3, 1, vec![0.0, 1.0, 5.0]).unwrap();
    let error = similar(&matrix, &[1, 3], 2, Metric::Euclidean, |_| true).unwrap_err();
    assert_eq!(error.to_string(), "similar: expected rows below 3, found 3");
    assert!(similar(&matrix, &[], 2, Metric::Euclidean, |_| true).is_err());
    assert!(similar(&matrix, &[0], 2, Metric::Euclidean, |_| false).unwrap().is_empty());
    assert_eq!(similar(&matrix, &[0, 1, 2], 2, Metric::Euclidean, |_| true).unwrap(), []);
}
