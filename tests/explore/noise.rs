//! On pure noise the share of tables of which anything at all is said stays at its nominal level.

use leap_binder::contract::{DataState, MetadataValue};
use leap_binder::evaluate::{SampleRow, SampleTable};
use leap_binder::explore::{ExploreOptions, InsightKind, ProjectionMethod, explore};
use rayon::prelude::*;

use crate::draw::Draw;

const ROWS: usize = 160;
const RUNS: u64 = 200;

/// Labels, probabilities, losses, subsets, patients, hashes, latents and 20 columns that know nothing of each other.
fn noise(seed: u64) -> SampleTable {
    let mut draw = Draw::new(5000 + seed);
    let mut table = SampleTable::new(["NORMAL", "bacteria", "virus"]);
    table.attributes = vec!["patient".to_owned()];
    table.losses = vec!["cross_entropy".to_owned()];
    table.metadata = (0..20).map(|column| format!("column {column}")).collect();
    for id in 0..ROWS {
        let state = [DataState::Training, DataState::Training, DataState::Validation, DataState::Test][draw.below(4)];
        let mut row = SampleRow::new(format!("s{id}"), state, draw.probabilities(3, 0, 0.0, 1.5));
        row.attributes = vec![format!("p{id}")];
        row.label = Some(draw.below(3));
        row.losses = vec![Some(-draw.even().ln() as f32)];
        row.metadata = (0..20)
            .map(|column| match column {
                0..12 => MetadataValue::Float(draw.normal()),
                12..14 => MetadataValue::Float(draw.normal().exp()),
                14..16 => MetadataValue::Int(draw.below(5) as i64),
                16 => MetadataValue::Bool(draw.chance(0.3)),
                17 => MetadataValue::Text(format!("site {}", draw.below(4))),
                _ if draw.chance(0.2) => MetadataValue::Absent,
                _ => MetadataValue::Float(draw.normal()),
            })
            .collect();
        row.latent = (0..8).map(|_| draw.normal() as f32).collect();
        row.fingerprint.bytes = Some(draw.bytes());
        // Half of the tables have no hashes, so that the latent space decides alone.
        row.fingerprint.perceptual = seed.is_multiple_of(2).then(|| draw.hash());
        table.rows.push(row);
    }
    table
}

#[test]
fn little_is_claimed_of_noise() {
    let options = |seed: u64| {
        // No claim depends on the map, on stability or on intervals; they are left out for speed.
        let mut options = ExploreOptions::seeded(seed);
        options.projection.method = ProjectionMethod::Pca;
        options.clusters.resamples = 0;
        options.clusters.restarts = 2;
        options.clusters.clusters = 2..=5;
        options.insights.bootstrap.resamples = 20;
        options
    };
    let kinds = |seed: u64| -> Vec<InsightKind> {
        let found = explore(&noise(seed), &options(seed), &()).unwrap();
        found.insights.iter().map(|insight| insight.kind).collect()
    };
    let claims: Vec<Vec<InsightKind>> = (0..RUNS).into_par_iter().map(kinds).collect();
    let any = claims.iter().filter(|kinds| !kinds.is_empty()).count();
    let said: Vec<&InsightKind> = claims.iter().flatten().collect();
    println!("something is claimed of {any} of {RUNS} tables of noise: {said:?}");
    // The nominal share, and three standard deviations of a share of 200.
    let bound = 0.05 + 3.0 * (0.05f64 * 0.95 / RUNS as f64).sqrt();
    assert!(any as f64 / RUNS as f64 <= bound, "{any} of {RUNS}: {said:?}");
}
