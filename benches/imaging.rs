//! Times of the data path stage by stage: on one original of the Kermany set (1416 x 1296, grey) with the reference's choices
//! (640 pixels, OpenCV's kernel), and on a shipped sample (224 x 224, grey) with the main job's. The last line of each group is
//! the way from the file's bytes to its numbers.
#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use leap_binder::contract::{DataState, Dataset};
use leap_binder::evaluate::Fingerprint;
use leap_binder::imaging::{
    BorderStatistics, ChannelOrder, GreyMode, GreyStatistics, Image, ImageSpec, Normalisation, Resampling, decode,
};
use leap_binder::pneumonia::{ChestXrays, Config, binder, shipped};

const ORIGINAL: &[u8] = include_bytes!("../tests/fixtures/imaging/samples/NORMAL2-IM-0744-0001.jpeg");
const SAMPLE: &[u8] = include_bytes!("../assets/sample/chest_xray/test/NORMAL/IM-0023-0001.jpeg");

/// What the reference's metadata functions say of a file.
fn reference(bytes: &[u8]) -> GreyStatistics {
    let image = decode(bytes, "<bytes>").unwrap().resize(640, 640, Resampling::OpenCvLinear).unwrap();
    GreyStatistics::of(&image, GreyMode::Reference)
}

/// The stages that both sizes have.
fn stages(c: &mut Criterion, name: &str, bytes: &[u8], image: &Image, spec: &ImageSpec) {
    let mut group = c.benchmark_group(name);
    group.bench_function("decode", |b| b.iter(|| decode(bytes, "<bytes>").unwrap()));
    group.bench_function("statistics", |b| b.iter(|| GreyStatistics::of(image, GreyMode::Reference)));
    group.bench_function("border", |b| b.iter(|| BorderStatistics::of(image)));
    group.bench_function("encode", |b| b.iter(|| image.encode(spec.channel_order, spec.normalisation)));
    group.bench_function("fingerprint", |b| b.iter(|| Fingerprint::of(image)));
    let values = image.encode(spec.channel_order, spec.normalisation);
    group.bench_function("encoded values back to an image", |b| b.iter(|| spec.image(&values).unwrap()));
    group.bench_function("thumbnail", |b| b.iter(|| image.resize(64, 64, Resampling::PilBilinear).unwrap()));
    group.bench_function("reference metadata", |b| b.iter(|| reference(bytes)));
    group.finish();
}

fn imaging(c: &mut Criterion) {
    let original = decode(ORIGINAL, "<bytes>").unwrap();
    let colour = original.to_rgb();
    for kernel in [Resampling::OpenCvLinear, Resampling::PilBilinear] {
        c.bench_function(&format!("resize to 640, {kernel}"), |b| {
            b.iter(|| original.resize(640, 640, kernel).unwrap())
        });
        c.bench_function(&format!("resize to 640, {kernel}, in colours"), |b| {
            b.iter(|| colour.resize(640, 640, kernel).unwrap())
        });
    }
    let at_640 = original.resize(640, 640, Resampling::OpenCvLinear).unwrap();
    let colour = at_640.to_rgb();
    c.bench_function("statistics at 640, in colours", |b| b.iter(|| GreyStatistics::of(&colour, GreyMode::Reference)));
    c.bench_function("encode at 640, in colours", |b| {
        b.iter(|| colour.encode(ChannelOrder::Bgr, Normalisation::UnitRange))
    });
    stages(c, "original at 640", ORIGINAL, &at_640, &Config::reference().image_spec());
    stages(c, "sample at 224", SAMPLE, &decode(SAMPLE, "<bytes>").unwrap(), &Config::default().image_spec());

    let data = ChestXrays::open(shipped::sample(), Config::default()).unwrap();
    let id = data.subsets()[0].sample_ids[0].clone();
    c.bench_function("load a shipped sample", |b| b.iter(|| data.load(&id, DataState::Training).unwrap()));
    let binder = binder(data).unwrap();
    c.bench_function("load and run the binder's functions", |b| {
        b.iter(|| binder.get_sample(DataState::Training, &id).unwrap())
    });
}

criterion_group!(benches, imaging);
criterion_main!(benches);
