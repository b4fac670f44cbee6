//! The crate's side of the comparisons in `benches/peers/`: answers the line protocol that the README there describes.
#![allow(missing_docs)]

use std::error::Error;
use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use candle_core::{DType, Device, Tensor};
use clap::{Parser, Subcommand, ValueEnum};
use leap_binder::Binder;
use leap_binder::binder::losses;
use leap_binder::contract::{DataState, Dataset, HandlerResult, SampleId, Subset, ground_truth, prediction};
use leap_binder::imaging::{self, GreyMode, GreyStatistics, ImageSpec, Resampling};
use leap_binder::model::{self, Classifier, FusedDenseNet, Model, Precision, Weights};
use leap_binder::train::{Decay, Frozen, Samples, Schedule, TrainOptions, Trainee, train};
use rayon::ThreadPoolBuilder;
use serde_json::{Value, json};

#[path = "../../examples/train/memory.rs"]
mod memory;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    job: Option<Job>,
    /// cargo adds this to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Subcommand)]
enum Job {
    /// Times forward passes of a network.
    Network {
        /// A weights file.
        #[arg(long)]
        weights: PathBuf,
        /// Prepared images, f32 in the machine's byte order, one after the other.
        #[arg(long)]
        images: PathBuf,
        #[arg(long)]
        engine: Engine,
        /// The widest vector instructions to use.
        #[arg(long, default_value = "native")]
        level: Level,
        #[arg(long, default_value_t = 1)]
        batch: usize,
        #[arg(long, default_value_t = 1)]
        threads: usize,
    },
    /// Times training.
    Train {
        /// A weights file.
        #[arg(long)]
        weights: PathBuf,
        /// Prepared images, as for `network`.
        #[arg(long)]
        images: PathBuf,
        #[arg(long)]
        learn: Learn,
        #[arg(long, default_value_t = 16)]
        batch: usize,
        #[arg(long, default_value_t = 1)]
        threads: usize,
    },
    /// Times the grey-level metadata of files, on one thread.
    Data {
        /// A text file that names one image file a line.
        list: PathBuf,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Engine {
    Plain,
    Fused,
    FusedBf16,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Level {
    Native,
    Avx2,
}

/// Which part of a DenseNet learns.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Learn {
    All,
    LastBlock,
    Head,
}

/// The network on the engine to measure. Plain candle chooses its instructions itself, whatever `level` says.
fn classifier(weights: &Weights, engine: Engine, level: Level) -> Result<Classifier> {
    let precision = match engine {
        Engine::Plain => {
            return Ok(Classifier::with_engine(weights, &Device::Cpu, DType::F32, model::Engine::Plain)?);
        }
        Engine::Fused => Precision::F32,
        Engine::FusedBf16 => Precision::Bf16,
    };
    let level = match level {
        Level::Native => model::Level::best(),
        Level::Avx2 => model::Level::Avx2,
    };
    let network = FusedDenseNet::for_level(weights, precision, level)?;
    Ok(Classifier::around(Arc::new(network), weights.card())?)
}

/// What can be timed, and what it computes.
trait Work {
    fn run(&self) -> Result<()>;
    fn results(&self) -> Result<Value>;
}

/// A network, the images, and the batch to time.
struct Network {
    classifier: Classifier,
    images: Vec<Tensor>,
    batch: Tensor,
}

impl Network {
    fn new(classifier: Classifier, images: &Path, batch: usize) -> Result<Self> {
        let input = classifier.input();
        let shape = (1, input.channels(), input.height, input.width);
        let values: Vec<f32> =
            std::fs::read(images)?.as_chunks().0.iter().map(|&value| f32::from_ne_bytes(value)).collect();
        let image = |values: &[f32]| Tensor::from_slice(values, shape, &Device::Cpu);
        let images = values.chunks_exact(input.channels() * input.height * input.width).map(image);
        let images = images.collect::<candle_core::Result<Vec<_>>>()?;
        let batch = Self::batch(&images, 0, batch)?;
        Ok(Self { classifier, images, batch })
    }

    /// `size` images from the `first` on, starting again at the end.
    fn batch(images: &[Tensor], first: usize, size: usize) -> Result<Tensor> {
        let chosen: Vec<_> = images.iter().cycle().skip(first).take(size).collect();
        Ok(Tensor::cat(&chosen, 0)?)
    }
}

impl Work for Network {
    fn run(&self) -> Result<()> {
        black_box(self.classifier.forward(black_box(&self.batch))?);
        Ok(())
    }

    /// The logits of every image, computed in batches of the measured size.
    fn results(&self) -> Result<Value> {
        let (count, size) = (self.images.len(), self.batch.dim(0)?);
        let mut logits = Vec::new();
        for first in (0..count).step_by(size) {
            let batch = Self::batch(&self.images, first, size)?;
            logits.extend(self.classifier.forward(&batch)?.logits.to_vec2::<f32>()?);
        }
        logits.truncate(count);
        Ok(json!(logits))
    }
}

/// Prepared images as a data set, whose classes come in turn.
struct Prepared {
    images: Vec<Vec<f32>>,
    spec: ImageSpec,
    count: usize,
}

impl Dataset for Prepared {
    type Sample = usize;

    fn preprocess(&self) -> HandlerResult<Vec<Subset>> {
        let count = self.count as i64;
        Ok(vec![
            Subset::new(DataState::Training, 0..count),
            // A binder has validation samples; these judge nothing.
            Subset::new(DataState::Validation, count..count + 1),
        ])
    }

    fn load(&self, id: &SampleId, _state: DataState) -> HandlerResult<usize> {
        match id {
            SampleId::Int(place) => Ok(*place as usize),
            SampleId::Text(text) => Err(format!("no image {text}").into()),
        }
    }
}

/// One step of AdamW on a whole network or its end.
struct Training {
    binder: Binder<Prepared>,
    weights: Weights,
    trainee: Trainee,
    samples: Samples,
    options: TrainOptions,
}

impl Training {
    fn new(weights: Weights, images: &Path, learn: Learn, batch: usize) -> Result<Self> {
        let spec = weights.input().clone();
        let (pixels, channels) = (spec.width * spec.height, spec.channels());
        let values: Vec<f32> =
            std::fs::read(images)?.as_chunks().0.iter().map(|&value| f32::from_ne_bytes(value)).collect();
        let last =
            |image: &[f32]| (0..pixels * channels).map(|i| image[i % channels * pixels + i / channels]).collect();
        let images = values.chunks_exact(pixels * channels).map(last).collect();
        let data = Arc::new(Prepared { images, spec: spec.clone(), count: batch });
        let (shape, shown) = ([spec.height, spec.width, channels], Arc::clone(&data));
        let classes = weights.classes().to_vec();
        let count = classes.len();
        let binder = Binder::builder(Prepared { images: Vec::new(), spec: spec.clone(), count: data.count })
            .image_input("image", data.spec.clone(), move |place| {
                Ok((shown.images[place % shown.images.len()].clone(), shape))
            })
            .ground_truth("class", move |place| {
                Ok((0..count).map(|class| f32::from(u8::from(class == place % count))).collect::<Vec<f32>>())
            })
            .prediction("class", classes)
            .loss("loss", [ground_truth("class"), prediction("class")], |[truth, scores]| {
                losses::categorical_crossentropy(truth, scores)
            })
            .build()?;
        let frozen = match learn {
            Learn::All => Frozen::Nothing,
            Learn::LastBlock => Frozen::Through("features.transition3".to_owned()),
            Learn::Head => Frozen::AllButHead,
        };
        let options = TrainOptions {
            epochs: 1,
            batch_size: batch,
            learning_rate: 1e-4,
            schedule: Schedule { warm_up: 0.0, decay: Decay::Constant, floor: 0.0 },
            clip_norm: None,

            frozen,
            // As with augmentation: every image goes through the whole network in every step.
            feature_memory: 0,
            ..TrainOptions::default()
        };
        let samples = Samples { validation: Vec::new(), ..Samples::of_subsets(&binder)? };
        let trainee = Trainee::new(&weights, &Device::Cpu)?;
        Ok(Self { binder, weights, trainee, samples, options })
    }

    fn train(&self, trainee: &Trainee) -> Result<f64> {
        let report = train(&self.binder, trainee, &self.samples, &self.options, &())?;
        Ok(report.history.epochs[0].train_loss)
    }
}

impl Work for Training {
    fn run(&self) -> Result<()> {
        black_box(self.train(&self.trainee)?);
        Ok(())
    }

    /// The loss before the first step.
    fn results(&self) -> Result<Value> {
        Ok(json!(self.train(&Trainee::new(&self.weights, &Device::Cpu)?)?))
    }
}

/// Image files whose grey levels are described, as the reference's metadata does.
struct Metadata {
    files: Vec<PathBuf>,
}

impl Metadata {
    fn of(file: &Path) -> Result<GreyStatistics> {
        let small = imaging::decode_file(file)?.resize(640, 640, Resampling::OpenCvLinear)?;
        Ok(GreyStatistics::of(&small, GreyMode::Reference))
    }
}

impl Work for Metadata {
    fn run(&self) -> Result<()> {
        for file in &self.files {
            black_box(Self::of(black_box(file))?);
        }
        Ok(())
    }

    fn results(&self) -> Result<Value> {
        let describe = |file: &PathBuf| {
            let grey = Self::of(file)?;
            let counts = grey.counts.to_vec();
            Ok(json!({"mean": grey.mean, "std": grey.std, "black": grey.black_pixels(), "counts": counts}))
        };
        Ok(Value::Array(self.files.iter().map(describe).collect::<Result<_>>()?))
    }
}

/// Answers requests until `quit` or the end of the input.
fn serve(work: &dyn Work) -> Result<()> {
    let mut answers = std::io::stdout().lock();
    let mut answer = |line: String| writeln!(answers, "{line}").and_then(|()| answers.flush());
    work.run()?;
    answer(format!("ready {}", json!({"about": concat!("leap-binder ", env!("CARGO_PKG_VERSION"))})))?;
    for line in std::io::stdin().lines() {
        let line = line?;
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["run", count] => answer(json!(time(work, count.parse()?)?).to_string())?,
            ["results"] => answer(work.results()?.to_string())?,
            ["quit"] => break,
            _ => return Err(format!("expected `run COUNT`, `results` or `quit`, found `{line}`").into()),
        }
    }
    Ok(())
}

/// The seconds that each of `count` runs took.
fn time(work: &dyn Work, count: usize) -> Result<Vec<f64>> {
    let once = |_| {
        let start = Instant::now();
        work.run()?;
        Ok(start.elapsed().as_secs_f64())
    };
    (0..count).map(once).collect()
}

fn main() -> Result<()> {
    match Arguments::parse().job {
        None => println!("this benchmark is run by the programs in benches/peers"),
        Some(Job::Network { weights, images, engine, level, batch, threads }) => {
            ThreadPoolBuilder::new().num_threads(threads).build_global()?;
            let classifier = classifier(&Weights::open(weights)?, engine, level)?;
            serve(&Network::new(classifier, &images, batch)?)?;
        }
        Some(Job::Train { weights, images, learn, batch, threads }) => {
            memory::keep_freed_memory();
            ThreadPoolBuilder::new().num_threads(threads).build_global()?;
            serve(&Training::new(Weights::open(weights)?, &images, learn, batch)?)?;
        }
        Some(Job::Data { list }) => {
            ThreadPoolBuilder::new().num_threads(1).build_global()?;
            let files = std::fs::read_to_string(list)?.lines().map(PathBuf::from).collect();
            serve(&Metadata { files })?;
        }
    }
    Ok(())
}
