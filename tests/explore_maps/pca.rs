use leap_binder::explore::{Matrix, Pca};
use leap_binder::rng::SplitMix64;

use super::golden::{assert_close, boxes, digits, even, golden, matrix, numbers, tables};

/// scikit-learn's decomposition and this one differ by rounding alone, in f64.
fn equal(pca: &Pca, matrix: &Matrix, name: &str) {
    let expected = golden(&format!("/{name}"));
    let variance = numbers(&expected["explained_variance"]);
    assert_close(&pca.explained_variance, &variance, 1e-9 * variance[0], "explained variance");
    assert_close(&pca.explained_variance_ratio, &numbers(&expected["explained_variance_ratio"]), 1e-10, "ratio");
    let total = expected["total"].as_f64().unwrap();
    assert_close(&[pca.total_variance], &[total], 1e-9 * total, "total");
    for (place, component) in tables(&expected["components"]).iter().enumerate() {
        assert_close(&pca.components()[place], component, 1e-8, &format!("{name}, component {place}"));
    }
    let scores = pca.transform(matrix).unwrap();
    for (row, expected) in tables(&expected["scores"]).iter().enumerate() {
        let found: Vec<f64> = scores.row(row).iter().map(|&score| f64::from(score)).collect();
        // Scores are rounded to f32; they reach 40.
        assert_close(&found, expected, 4e-6, &format!("{name}, scores of row {row}"));
    }
}

#[test]
fn equal_to_scikit_learn_with_more_rows_than_columns() {
    let matrix = digits();
    equal(&Pca::fit(&matrix, 20).unwrap(), &matrix, "pca");
}

#[test]
fn equal_to_scikit_learn_with_more_columns_than_rows() {
    let matrix = matrix("/digits", 20);
    equal(&Pca::fit(&matrix, 12).unwrap(), &matrix, "wide");
}

#[test]
fn only_directions_that_vary_are_kept() {
    let wide = matrix("/digits", 20);
    assert_eq!(Pca::fit(&wide, 64).unwrap().dimensions, 19, "20 rows vary in 19 directions");
    let all = Pca::fit(&digits(), 64).unwrap();
    assert!((all.explained_variance_ratio.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    // Two columns, one of which is the other's double.
    let line = Matrix::new(4, 2, vec![1.0, 2.0, 2.0, 4.0, 3.0, 6.0, 5.0, 10.0]).unwrap();
    let pca = Pca::fit(&line, 2).unwrap();
    assert_eq!(pca.dimensions, 1);
    assert_close(&pca.components()[0], &[1.0 / 5f64.sqrt(), 2.0 / 5f64.sqrt()], 1e-15, "the line");
    assert_close(&pca.explained_variance_ratio, &[1.0], 1e-15, "ratio");
}

#[test]
fn an_offset_costs_no_accuracy() {
    let plain = boxes(3, 30, 8, 4).0;
    let rounded: Vec<f32> = plain.values().iter().map(|value| (value * 64.0).round() / 64.0).collect();
    let moved: Vec<f32> = rounded.iter().map(|value| value + 65_536.0).collect();
    let fit = |values: Vec<f32>| Pca::fit(&Matrix::new(90, 8, values).unwrap(), 3).unwrap();
    let (near, far) = (fit(rounded), fit(moved));
    assert_close(&far.explained_variance, &near.explained_variance, 1e-8, "variance");
    assert_close(&far.components()[2], &near.components()[2], 1e-9, "component");
}

/// A planted spectrum in 400 dimensions, more than one block of rows, with components that are known.
#[test]
fn planted_components_are_found() {
    let (rows, columns, planted) = (1_500, 400, 6);
    let mut rng = SplitMix64::new(8);
    let mut values = vec![0.0; rows * columns];
    for row in values.chunks_mut(columns) {
        for (place, value) in row.iter_mut().enumerate() {
            let scale = if place < planted { 20.0 / (place + 1) as f32 } else { 0.02 };
            *value = scale * even(&mut rng);
        }
    }
    let pca = Pca::fit(&Matrix::new(rows, columns, values).unwrap(), planted).unwrap();
    for (place, component) in pca.components().iter().enumerate() {
        assert!(component[place] > 0.98, "component {place}: {}", component[place]);
        let expected = (20.0 / (place + 1) as f64).powi(2) / 3.0;
        let found = pca.explained_variance[place];
        assert!((found / expected - 1.0).abs() < 0.06, "variance {place}: {found} for {expected}");
    }
    for (a, one) in pca.components().iter().enumerate() {
        for (b, other) in pca.components().iter().enumerate() {
            let product: f64 = one.iter().zip(other).map(|(a, b)| a * b).sum();
            assert!((product - f64::from(u8::from(a == b))).abs() < 1e-12);
        }
    }
}

#[test]
fn rows_of_another_length_are_refused() {
    let pca = Pca::fit(&digits(), 2).unwrap();
    let error = pca.transform(&Matrix::new(1, 3, vec![0.0; 3]).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "Pca::transform: expected rows of 64 numbers, found 3");
}
