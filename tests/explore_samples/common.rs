//! Seeded tables and pictures.

use leap_binder::contract::DataState;
use leap_binder::evaluate::{Fingerprint, SampleRow, SampleTable};
use leap_binder::explore::{Matrix, Metric, Neighbours};
use leap_binder::imaging::Image;
use leap_binder::rng::SplitMix64;
use serde_json::Value;

/// Training three times of five, then validation, then test.
pub(crate) const STATES: [DataState; 5] =
    [DataState::Training, DataState::Training, DataState::Training, DataState::Validation, DataState::Test];

pub(crate) fn fixture(name: &str) -> Value {
    serde_json::from_str(match name {
        "cleanlab.json" => include_str!("../fixtures/explore_samples/cleanlab.json"),
        "fingerprints.json" => include_str!("../fixtures/explore_samples/fingerprints.json"),
        "chest.json" => include_str!("../fixtures/explore_samples/chest.json"),
        _ => panic!("no fixture {name}"),
    })
    .unwrap()
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

pub(crate) fn places(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|number| number.as_u64().unwrap() as usize).collect()
}

pub(crate) fn even(rng: &mut SplitMix64) -> f64 {
    ((rng.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

/// Box and Muller's.
pub(crate) fn normal(rng: &mut SplitMix64) -> f64 {
    (-2.0 * even(rng).ln()).sqrt() * (std::f64::consts::TAU * even(rng)).cos()
}

pub(crate) fn normals(rng: &mut SplitMix64, count: usize) -> Vec<f64> {
    (0..count).map(|_| normal(rng)).collect()
}

/// Student's t with three degrees of freedom, in several dimensions.
pub(crate) fn heavy(rng: &mut SplitMix64, count: usize) -> Vec<f64> {
    let scale = (normals(rng, 3).iter().map(|z| z * z).sum::<f64>() / 3.0).sqrt();
    normals(rng, count).into_iter().map(|z| z / scale).collect()
}

pub(crate) fn matrix(rows: &[Vec<f64>]) -> Matrix {
    let rows = rows.iter().map(|row| row.iter().map(|&value| value as f32).collect::<Vec<f32>>());
    Matrix::from_rows(rows).unwrap()
}

pub(crate) fn near(latents: &[Vec<f64>]) -> Neighbours {
    Neighbours::of(&matrix(latents), 10, Metric::Euclidean)
}

/// Rows of one label each, in the subsets of [`STATES`], with even probabilities.
pub(crate) fn table(classes: usize, labels: &[usize]) -> SampleTable {
    let mut table = SampleTable::new((0..classes).map(|class| format!("class {class}")));
    for (place, &label) in labels.iter().enumerate() {
        let state = STATES[place % STATES.len()];
        let mut row = SampleRow::new(format!("s{place}"), state, vec![1.0 / classes as f64; classes]);
        row.label = Some(label);
        table.rows.push(row);
    }
    table
}

/// A smooth random picture: a sum of waves.
pub(crate) fn picture(rng: &mut SplitMix64, side: usize) -> Image {
    let waves: Vec<[f64; 4]> =
        (0..12).map(|_| [normal(rng) * 0.7, normal(rng) * 0.7, 6.0 * even(rng), normal(rng)]).collect();
    let level = |place: usize| {
        let (x, y) = ((place % side) as f64 / side as f64 * 20.0, (place / side) as f64 / side as f64 * 20.0);
        let sum: f64 = waves.iter().map(|[a, b, phase, height]| height * (a * x + b * y + phase).sin()).sum();
        (128.0 + 22.0 * sum).clamp(0.0, 255.0) as u8
    };
    Image::grey(side, side, (0..side * side).map(level).collect()).unwrap()
}

/// The same picture a little brighter, with a grain of one level.
pub(crate) fn touched(image: &Image, rng: &mut SplitMix64) -> Image {
    let levels = image.as_bytes().iter().map(|&level| level.saturating_add(2 + rng.below(2) as u8)).collect();
    Image::grey(image.width(), image.height(), levels).unwrap()
}

pub(crate) fn hashed(image: &Image) -> Fingerprint {
    Fingerprint::of(image)
}

pub(crate) fn sorted(places: &[usize]) -> Vec<usize> {
    let mut places = places.to_vec();
    places.sort_unstable();
    places
}

/// What `work` gives with 1, 2 and 4 threads, which must be the same to the last bit.
pub(crate) fn on_any_threads<T: std::fmt::Debug + Send>(work: impl Fn() -> T + Sync) -> T {
    let mut results: Vec<(T, String)> = [1, 2, 4]
        .map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let result = pool.install(&work);
            let text = format!("{result:?}");
            (result, text)
        })
        .into();
    assert!(results.windows(2).all(|pair| pair[0].1 == pair[1].1));
    results.remove(0).0
}
