//! DenseNet-201 with the shipped weights on an NVIDIA GPU, the engine beside the plain network:
//! `cargo bench --features cudnn --bench cuda`. Without a GPU it says so and measures nothing.
//!
//! `benches/peers/cuda.py` runs it with `--serve ENGINE DTYPE` beside PyTorch, in one run.
#![allow(missing_docs, clippy::unwrap_used)]

use std::io::BufRead;
use std::path::Path;
use std::time::{Duration, Instant};

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use criterion::{BenchmarkId, Criterion, Throughput};
use leap_binder::model::{
    CudaDenseNet, CudaOptions, DenseNet, DenseNetConfig, Mode, Network, PinnedUploads, device, dtype,
};

const CLASSES: usize = 3;
const PIXELS: usize = 3 * 224 * 224;

/// `plain`, `engine`, or `tf32` for the engine with f32 rounded to TF32.
fn network(name: &str, dtype: DType, device: &Device) -> Box<dyn Network> {
    let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/weights/densenet201-kermany224-f16.safetensors");
    let tensors = candle_core::safetensors::load(weights, device).unwrap();
    let (vb, config) = (VarBuilder::from_tensors(tensors, dtype, device), DenseNetConfig::densenet201());
    if name == "plain" {
        return Box::new(DenseNet::new(&config, CLASSES, vb).unwrap());
    }
    let options = CudaOptions { tf32: name == "tf32", ..CudaOptions::default() };
    Box::new(CudaDenseNet::from_tensors(&config, CLASSES, vb, options).unwrap())
}

fn values(n: usize) -> Vec<f32> {
    (0..n * PIXELS).map(|i| (i as f32 * 0.01).sin()).collect()
}

fn batch(network: &dyn Network, n: usize) -> Tensor {
    let xs = Tensor::from_vec(values(n), (n, 3, 224, 224), network.device()).unwrap();
    xs.to_dtype(network.dtype()).unwrap()
}

fn logits(network: &dyn Network, xs: &Tensor) -> Tensor {
    network.forward_t(xs, Mode::Eval).unwrap().logits
}

/// To the host, which waits for all that was queued.
fn read(xs: &Tensor) -> Vec<f32> {
    xs.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// `count` passes in a row, of which the last is read.
fn stream(network: &dyn Network, xs: &Tensor, count: u64) -> Duration {
    let start = Instant::now();
    let last = (0..count).map(|_| logits(network, xs)).last();
    last.iter().for_each(|last| drop(read(last)));
    start.elapsed()
}

fn passes(c: &mut Criterion, device: &Device) {
    for (name, kind) in
        [("plain", "f32"), ("engine", "f32"), ("tf32", "f32"), ("plain", "bf16"), ("engine", "bf16"), ("engine", "f16")]
    {
        let network = network(name, dtype(kind).unwrap(), device);
        let mut group = c.benchmark_group(format!("densenet201 {name} {kind}"));
        group.sample_size(10);
        for n in [1, 8, 32] {
            let xs = batch(network.as_ref(), n);
            stream(network.as_ref(), &xs, 4);
            group.throughput(Throughput::Elements(n as u64));
            group.bench_with_input(BenchmarkId::new("batch", n), &xs, |b, xs| {
                b.iter_custom(|count| stream(network.as_ref(), xs, count))
            });
        }
        group.finish();
    }
}

/// From values on the host to logits on the host, batch after batch: with and without page-locked memory.
fn uploads(c: &mut Criterion, device: &Device) {
    let (network, n) = (network("engine", DType::BF16, device), 32);
    let values = values(n);
    let mut pinned = PinnedUploads::new(device, values.len()).unwrap();
    let mut group = c.benchmark_group("batches of 32 from the host");
    group.throughput(Throughput::Elements(n as u64)).sample_size(10);
    let mut feed = |name: &str, upload: &mut dyn FnMut() -> Tensor| {
        group.bench_function(name, |b| {
            b.iter_custom(|count| {
                let start = Instant::now();
                let mut last = None;
                for _ in 0..count {
                    last = Some(logits(network.as_ref(), &upload().to_dtype(DType::BF16).unwrap()));
                }
                last.iter().for_each(|last| drop(read(last)));
                start.elapsed()
            })
        });
    };
    feed("ordinary", &mut || Tensor::from_slice(&values, (n, 3, 224, 224), device).unwrap());
    feed("pinned", &mut || pinned.upload(&values, (n, 3, 224, 224)).unwrap());
    group.finish();
}

/// Answers requests, one a line: `run BATCH COUNT` with the seconds of so many passes, each read; `stream BATCH COUNT` with the
/// seconds of so many in a row, of which the last is read; `logits BATCH`; `quit`. Answers are JSON lists.
fn serve(network: &dyn Network) {
    println!("ready");
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<_> = line.split_whitespace().collect();
        let number = |place: usize| words.get(place).and_then(|word| word.parse::<usize>().ok()).unwrap_or(1);
        let xs = |network| batch(network, number(1));
        match words.first().copied() {
            Some("run") => {
                let xs = xs(network);
                let seconds = (0..number(2)).map(|_| stream(network, &xs, 1).as_secs_f64());
                println!("{:?}", seconds.collect::<Vec<_>>());
            }
            Some("stream") => println!("{:?}", [stream(network, &xs(network), number(2) as u64).as_secs_f64()]),
            Some("logits") => println!("{:?}", read(&logits(network, &xs(network)))),
            _ => return,
        }
    }
}

fn main() {
    let device = match device("cuda") {
        Ok(device) => device,
        Err(error) => return eprintln!("SKIPPED, nothing was measured: {error}"),
    };
    let arguments: Vec<_> = std::env::args().collect();
    if let [_, serving, name, kind, ..] = arguments.as_slice()
        && serving == "--serve"
    {
        return serve(network(name, dtype(kind).unwrap(), &device).as_ref());
    }
    let mut criterion = Criterion::default().configure_from_args();
    passes(&mut criterion, &device);
    uploads(&mut criterion, &device);
    criterion.final_summary();
}
