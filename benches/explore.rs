//! Times of the latent space's analysis: on as many samples as the Kermany set has, and how they grow.
//!
//! Synthetic latents: six groups with a spectrum that falls, as a network's does. The large run is 5,856 x 1,920; growth is shown on
//! 50 columns, which is what the stages after the principal components see.
#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use leap_binder::contract::{DataState, MetadataValue};
use leap_binder::evaluate::{SampleRow, SampleTable};
use leap_binder::explore::{
    ClusterOptions, Clustering, ExploreOptions, Matrix, Metric, Neighbours, Pca, Projection, ProjectionOptions,
    Quality, explore,
};
use leap_binder::rng::SplitMix64;

/// `rows x columns` latents in six groups.
fn latents(rows: usize, columns: usize) -> Matrix {
    const FACTORS: usize = 24;
    let mut rng = SplitMix64::new(1);
    // Nearly normal: the sum of twelve even draws.
    let mut normal = || (0..12).map(|_| (rng.next_u64() >> 40) as f32 / (1u32 << 24) as f32).sum::<f32>() - 6.0;
    let loadings: Vec<f32> = (0..FACTORS * columns).map(|_| normal()).collect();
    let centres: Vec<f32> = (0..6 * FACTORS).map(|_| 2.0 * normal()).collect();
    let mut values = Vec::with_capacity(rows * columns);
    for row in 0..rows {
        let group = &centres[(row % 6) * FACTORS..][..FACTORS];
        let factors: Vec<f32> =
            group.iter().enumerate().map(|(place, centre)| (centre + normal()) / (1.0 + place as f32 / 4.0)).collect();
        for column in 0..columns {
            let signal: f32 =
                factors.iter().enumerate().map(|(f, factor)| factor * loadings[f * columns + column]).sum();
            values.push(signal + 0.5 * normal());
        }
    }
    Matrix::new(rows, columns, values).unwrap()
}

/// A table as the reference binder's: three classes, 270 metadata columns, 256 of them a histogram.
fn table(rows: usize) -> SampleTable {
    let latents = latents(rows, 1_920);
    let mut rng = SplitMix64::new(2);
    let mut table = SampleTable::new(["NORMAL", "bacteria", "virus"]);
    table.losses = vec!["cross_entropy".to_owned()];
    table.attributes = vec!["patient".to_owned()];
    table.metadata =
        (0..256).map(|bin| format!("pixels_count_{bin}")).chain((0..14).map(|i| format!("fact_{i}"))).collect();
    for row in 0..rows {
        let (group, state) = (row % 6, if row % 9 == 0 { DataState::Test } else { DataState::Training });
        let sure = 0.4 + rng.below(600) as f64 / 1_000.0;
        let mut probabilities = vec![(1.0 - sure) / 2.0; 3];
        probabilities[group % 3] = sure;
        let mut sample = SampleRow::new(row as i64, state, probabilities);
        let label = if rng.below(10) == 0 { rng.below(3) } else { group % 3 };
        sample.label = Some(label);
        sample.losses = vec![Some(-sample.probabilities[label].ln() as f32)];
        sample.attributes = vec![format!("person{}", row / 2)];
        sample.metadata = (0..270).map(|_| MetadataValue::Int(rng.below(500) as i64 + 20 * group as i64)).collect();
        sample.latent = latents.row(row).to_vec();
        table.rows.push(sample);
    }
    table
}

fn whole(c: &mut Criterion) {
    let table = table(5_856);
    let mut group = c.benchmark_group("whole");
    group.sample_size(10).warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_millis(1));
    group.bench_function("explore, 5856 samples x 1920", |b| {
        b.iter(|| explore(&table, &ExploreOptions::default(), &()).unwrap());
    });
    group.finish();
}

fn large(c: &mut Criterion) {
    let matrix = latents(5_856, 1_920);
    let pca = Pca::fit(&matrix, 50).unwrap();
    let scores = pca.transform(&matrix).unwrap();
    let map = Projection::fit(&scores, &ProjectionOptions::default().with_iterations(250)).unwrap();
    let options = ClusterOptions::default();
    let mut group = c.benchmark_group("5856x1920");
    group.sample_size(10).warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_millis(1));
    group.bench_function("neighbours, 15", |b| b.iter(|| Neighbours::of(&matrix, 15, Metric::Euclidean)));
    group.bench_function("principal components, 50", |b| b.iter(|| Pca::fit(&matrix, 50).unwrap()));
    group.bench_function("quality", |b| b.iter(|| Quality::of(&matrix, &map.points, 12, 2_000, 0).unwrap()));
    group.bench_function("t-SNE on 50 components", |b| {
        b.iter(|| Projection::fit(&scores, &ProjectionOptions::default()).unwrap());
    });
    group.bench_function("HDBSCAN, 15 resamples", |b| b.iter(|| Clustering::hdbscan(&scores, &options).unwrap()));
    group.bench_function("k-means, 15 resamples", |b| b.iter(|| Clustering::kmeans(&scores, &options).unwrap()));
    group.finish();
}

fn growth(c: &mut Criterion) {
    let all = latents(100_000, 50);
    let head = |rows: usize| Matrix::new(rows, 50, all.values()[..rows * 50].to_vec()).unwrap();
    let mut group = c.benchmark_group("growth");
    group.sample_size(10).warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_millis(1));
    for rows in [1_000, 10_000, 30_000, 100_000] {
        let matrix = head(rows);
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_function(BenchmarkId::new("principal components, 10", rows), |b| {
            b.iter(|| Pca::fit(&matrix, 10).unwrap())
        });
        group.bench_function(BenchmarkId::new("neighbours, 15", rows), |b| {
            b.iter(|| Neighbours::of(black_box(&matrix), 15, Metric::Euclidean));
        });
        // Ten descents of 100,000 points are an hour: a tenth of the steps shows the growth.
        let options = ProjectionOptions::default().with_iterations(100);
        group.bench_function(BenchmarkId::new("t-SNE, 100 steps, with quality", rows), |b| {
            b.iter(|| Projection::fit(&matrix, &options).unwrap());
        });
        if rows <= 30_000 {
            let options = ClusterOptions::default().with_resamples(0);
            group.bench_function(BenchmarkId::new("HDBSCAN", rows), |b| {
                b.iter(|| Clustering::hdbscan(&matrix, &options).unwrap())
            });
        }
    }
    group.finish();
}

criterion_group!(benches, whole, large, growth);
criterion_main!(benches);
