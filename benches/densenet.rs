//! Forward passes of DenseNet-201 with the shipped weights on the CPU: `cargo bench --bench densenet`.
//!
//! `engines` sets the fused engine beside plain candle, `threads` and `levels` show how it scales, `layers` where its time goes.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use candle_core::{DType, Device, Tensor};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use leap_binder::model::{Classifier, Engine, FusedDenseNet, Level, Model, Network, Precision, Weights};

fn weights() -> Weights {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/weights/densenet201-kermany224-f16.safetensors");
    Weights::open(file).unwrap()
}

fn images(n: usize) -> Tensor {
    let values: Vec<f32> = (0..n * 3 * 224 * 224).map(|i| (i as f32 * 0.01).sin()).collect();
    Tensor::from_vec(values, (n, 3, 224, 224), &Device::Cpu).unwrap()
}

fn engines(c: &mut Criterion) {
    let weights = weights();
    let mut group = c.benchmark_group("engines");
    group.sample_size(10);
    for n in [1, 8, 32] {
        group.throughput(Throughput::Elements(n as u64));
        let xs = images(n);
        let engines = [
            ("plain f32", Engine::Plain, DType::F32),
            ("fused f32", Engine::Fused, DType::F32),
            ("fused bf16", Engine::Fused, DType::BF16),
        ];
        for (name, engine, dtype) in engines {
            let model = Classifier::with_engine(&weights, &Device::Cpu, dtype, engine).unwrap();
            group.bench_with_input(BenchmarkId::new(name, n), &xs, |b, xs| {
                b.iter(|| model.forward(black_box(xs)).unwrap())
            });
        }
    }
    group.finish();
}

fn threads(c: &mut Criterion) {
    let model = Classifier::new(&weights(), &Device::Cpu).unwrap();
    let mut group = c.benchmark_group("threads");
    group.sample_size(10);
    let all = rayon::current_num_threads();
    for threads in BTreeSet::from([1, 2, all / 2, all]).into_iter().filter(|&threads| threads > 0) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for n in [1, 8] {
            let xs = images(n);
            group.throughput(Throughput::Elements(n as u64));
            group.bench_with_input(BenchmarkId::new(format!("batch {n}"), threads), &xs, |b, xs| {
                b.iter(|| pool.install(|| model.forward(black_box(xs)).unwrap()))
            });
        }
    }
    group.finish();
}

fn levels(c: &mut Criterion) {
    let (weights, xs) = (weights(), images(1));
    let mut group = c.benchmark_group("levels");
    group.sample_size(10);
    for level in Level::ALL.iter().copied().filter(|level| level.is_available()) {
        for precision in [Precision::F32, Precision::Bf16] {
            let network = FusedDenseNet::for_level(&weights, precision, level).unwrap();
            group.bench_function(BenchmarkId::new(level.to_string(), format!("{precision:?}")), |b| {
                b.iter(|| network.forward_t(black_box(&xs), Default::default()).unwrap())
            });
        }
    }
    group.finish();
}

fn layers(c: &mut Criterion) {
    let (network, xs) = (FusedDenseNet::new(&weights(), Precision::F32).unwrap(), images(1));
    let mut group = c.benchmark_group("layers");
    group.sample_size(10);
    let kinds: BTreeSet<_> = network.profile(&xs).unwrap().into_iter().map(|(kind, block, _)| (kind, block)).collect();
    for wanted in kinds {
        let pass = || {
            let steps = network.profile(black_box(&xs)).unwrap().into_iter();
            steps.filter(|&(kind, block, _)| (kind, block) == wanted).map(|(_, _, time)| time).sum::<Duration>()
        };
        group.bench_function(BenchmarkId::new(wanted.0, format!("block {}", wanted.1 + 1)), |b| {
            b.iter_custom(|passes| (0..passes).map(|_| pass()).sum())
        });
    }
    group.finish();
}

criterion_group!(benches, engines, threads, levels, layers);
criterion_main!(benches);
