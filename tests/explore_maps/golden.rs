//! The fixture, and synthetic data that needs none.

use std::sync::LazyLock;

use leap_binder::explore::Matrix;
use leap_binder::rng::SplitMix64;
use serde_json::Value;

static GOLDEN: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!("../fixtures/explore_maps/golden.json");
    serde_json::from_str(text).unwrap()
});

pub(crate) fn golden(pointer: &str) -> &'static Value {
    GOLDEN.pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in the fixture"))
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

pub(crate) fn tables(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(numbers).collect()
}

pub(crate) fn places(value: &Value) -> Vec<usize> {
    numbers(value).into_iter().map(|number| number as usize).collect()
}

/// A table as a matrix, its first rows only.
pub(crate) fn matrix(pointer: &str, rows: usize) -> Matrix {
    let table = tables(golden(pointer));
    let rows: Vec<Vec<f32>> =
        table.into_iter().take(rows).map(|row| row.into_iter().map(|value| value as f32).collect()).collect();
    Matrix::from_rows(rows).unwrap()
}

pub(crate) fn digits() -> Matrix {
    matrix("/digits", usize::MAX)
}

pub(crate) fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}: lengths");
    for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= tolerance, "{what}, {place}: {found} is not {expected}");
    }
}

/// An even draw from [-1, 1).
pub(crate) fn even(rng: &mut SplitMix64) -> f32 {
    (rng.next_u64() >> 40) as f32 / (1u32 << 23) as f32 - 1.0
}

/// Up to eight boxes of `size` rows each around corners of a cube, with their box; neighbouring rows are of different boxes. Boxes
/// are 2 wide, and 18 apart along one axis in three.
pub(crate) fn boxes(groups: usize, size: usize, columns: usize, seed: u64) -> (Matrix, Vec<usize>) {
    let mut rng = SplitMix64::new(seed);
    let classes: Vec<usize> = (0..groups * size).map(|row| row % groups).collect();
    let corner = |class: usize, column: usize| if (class >> (column % 3)) & 1 == 1 { 10.0 } else { -10.0 };
    let cells = classes.iter().flat_map(|&class| (0..columns).map(move |column| (class, column)));
    let values = cells.map(|(class, column)| corner(class, column) + even(&mut rng)).collect();
    (Matrix::new(groups * size, columns, values).unwrap(), classes)
}
