//! Times of the steps from a file to a network's input, on one original of the Kermany set (1416 x 1296, grey).
#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use leap_binder::imaging::{ChannelOrder, GreyMode, GreyStatistics, Normalisation, Resampling, decode};

const ORIGINAL: &[u8] = include_bytes!("../tests/fixtures/imaging/samples/NORMAL2-IM-0744-0001.jpeg");

fn imaging(c: &mut Criterion) {
    let image = decode(ORIGINAL, "<bytes>").unwrap();
    let small = image.resize(640, 640, Resampling::OpenCvLinear).unwrap();
    c.bench_function("decode", |b| b.iter(|| decode(ORIGINAL, "<bytes>").unwrap()));
    for kernel in [Resampling::OpenCvLinear, Resampling::PilBilinear] {
        c.bench_function(&format!("resize to 640, {kernel}"), |b| b.iter(|| image.resize(640, 640, kernel).unwrap()));
    }
    c.bench_function("statistics at 640", |b| b.iter(|| GreyStatistics::of(&small, GreyMode::Reference)));
    c.bench_function("encode at 640", |b| b.iter(|| small.encode(ChannelOrder::Bgr, Normalisation::UnitRange)));
}

criterion_group!(benches, imaging);
criterion_main!(benches);
