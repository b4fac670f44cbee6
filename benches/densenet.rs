//! Forward passes of DenseNet-201 with the shipped weights on the CPU: `cargo bench --bench densenet`.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::path::Path;

use candle_core::{Device, Tensor};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use leap_binder::model::{Classifier, Model};

fn forward(c: &mut Criterion) {
    let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/weights/densenet201-kermany224-f16.safetensors");
    let model = Classifier::load(weights, &Device::Cpu).unwrap();
    let mut group = c.benchmark_group("densenet201");
    group.sample_size(10);
    for n in [1, 8] {
        let values: Vec<f32> = (0..n * 3 * 224 * 224).map(|i| (i as f32 * 0.01).sin()).collect();
        let xs = Tensor::from_vec(values, (n, 3, 224, 224), model.device()).unwrap();
        group.throughput(Throughput::Elements(n as u64));
        group.bench_with_input(BenchmarkId::new("batch", n), &xs, |b, xs| {
            b.iter(|| model.forward(black_box(xs)).unwrap())
        });
    }
    group.finish();
}

criterion_group!(benches, forward);
criterion_main!(benches);
