use std::path::{Path, PathBuf};

use clap::{Args as Options, Parser, Subcommand};
use leap_binder::model::Architecture;
use leap_binder::pneumonia::shipped;
use leap_binder::train::{
    Augmentation, ClassWeights, Criterion, Decay, Frozen, Monitor, Optimiser, Sampling, Schedule, TrainOptions,
};

/// Trains networks on chest X-rays and measures them on the test subset. Research software, not a diagnostic device.
#[derive(Debug, Parser)]
#[command(name = "train")]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) way: Way,
    /// Folder of X-rays, as for the example pneumonia [default: the shipped sample]
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
    /// The share of the X-rays outside the test subset that judge instead of train: those of the validation subset, and whole patients of the
    /// training subset
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, global = true)]
    pub(crate) validation: f64,
    /// cpu, cuda or cuda:N
    #[arg(long, default_value = "cpu", global = true)]
    pub(crate) device: String,
    /// Where everything that is drawn at random begins
    #[arg(long, value_name = "N", default_value_t = 0, global = true)]
    pub(crate) seed: u64,
    /// Folder for the files that are written [default: out/train/ and the way's name]
    #[arg(long, value_name = "DIR", global = true)]
    out: Option<PathBuf>,
    /// Do not look at the test subset: for runs of which one is still to be chosen
    #[arg(long, global = true)]
    pub(crate) no_test: bool,
    /// Where the X-rays come from and under which licence, for the weights file
    #[arg(long, value_name = "TEXT", global = true)]
    pub(crate) source: Option<String>,
    /// Numbers in weights files: f32 or f16
    #[arg(long, default_value = "f16", global = true)]
    pub(crate) save_as: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Way {
    /// Fits a new head to what the frozen network makes of the X-rays: seconds after one pass over them
    Head {
        /// Weights whose head is replaced [default: the shipped DenseNet201]
        #[arg(long, value_name = "FILE")]
        weights: Option<PathBuf>,
        /// The network has not learnt from these X-rays: then probabilities out of fold also tell which labels to look at
        #[arg(long)]
        unseen: bool,
    },
    /// Goes on training the end of a network
    Finetune {
        /// Weights to begin with [default: the shipped DenseNet201]
        #[arg(long, value_name = "FILE")]
        weights: Option<PathBuf>,
        /// The last stage that stands still, `none`, or `all-but-head`
        #[arg(long, default_value = "features.transition3")]
        frozen: String,
        #[command(flatten)]
        run: Run,
    },
    /// Trains a network from random weights
    Scratch {
        /// One of the catalogue, such as densenet121
        #[arg(long, default_value = "small_cnn")]
        network: Architecture,
        #[command(flatten)]
        run: Run,
    },
}

/// What the loop is told.
#[derive(Debug, Options)]
pub(crate) struct Run {
    /// [default: 3 to finetune, 12 from scratch]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    #[arg(long, value_name = "N", default_value_t = 16)]
    batch_size: usize,
    /// Batches to a step
    #[arg(long, value_name = "N", default_value_t = 1)]
    accumulation: usize,
    /// Learning rate of the head [default: 0.0001 to finetune, 0.003 from scratch]
    #[arg(long, value_name = "RATE")]
    rate: Option<f64>,
    /// What the rate is multiplied by from stage to stage towards the input
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    layer_decay: f64,
    /// The share of each target that is spread over all classes
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    label_smoothing: f64,
    /// Exchanges left and right in this share of the images
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    flip: f32,
    /// Averages the weights over the steps with this decay, if there are enough of them; 0 for no average
    #[arg(long, value_name = "DECAY", default_value_t = 0.99)]
    ema: f64,
    /// Stops after so many epochs without a better one
    #[arg(long, value_name = "N")]
    patience: Option<usize>,
    /// Leaves the head as sharp as training made it, instead of dividing it by the validation samples' temperature
    #[arg(long)]
    pub(crate) uncalibrated: bool,
    /// Goes on with a run that was stopped
    #[arg(long)]
    resume: bool,
}

impl Args {
    pub(crate) fn data(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(shipped::sample)
    }

    pub(crate) fn out(&self) -> PathBuf {
        let way = match &self.way {
            Way::Head { .. } => "head",
            Way::Finetune { .. } => "finetune",
            Way::Scratch { network, .. } => network.name(),
        };
        self.out.clone().unwrap_or_else(|| Path::new("out/train").join(way))
    }
}

impl Run {
    /// The loop's options; `from_scratch` chooses among defaults.
    pub(crate) fn options(&self, args: &Args, frozen: Frozen, from_scratch: bool) -> TrainOptions {
        let (epochs, rate) = if from_scratch { (12, 3e-3) } else { (3, 1e-4) };
        TrainOptions {
            epochs: self.epochs.unwrap_or(epochs),
            batch_size: self.batch_size,
            accumulation: self.accumulation,
            optimiser: Optimiser::adamw(),
            learning_rate: self.rate.unwrap_or(rate),
            layer_decay: self.layer_decay,
            schedule: Schedule { warm_up: 0.1, decay: Decay::Cosine, floor: 0.01 },
            criterion: Criterion::CrossEntropy {
                label_smoothing: self.label_smoothing,
                class_weights: ClassWeights::None,
            },
            sampling: Sampling::SqrtBalanced,
            augmentation: Augmentation { flip: self.flip, ..Augmentation::radiographs() },
            frozen,
            ema: (self.ema > 0.0).then_some(self.ema),
            monitor: Monitor::LogLoss,
            patience: self.patience,
            seed: args.seed,
            checkpoint_steps: Some(100),
            folder: Some(args.out()),
            resume: self.resume,
            ..TrainOptions::default()
        }
    }
}
