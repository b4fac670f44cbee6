//! What training is for: that it learns, whatever the options, and the same for any number of threads.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use candle_nn::{Module, VarBuilder, VarMap};
use leap_binder::contract::DataState;
use leap_binder::imaging::{Colours, ImageSpec};
use leap_binder::model::{Architecture, Card, Classifier, Mode, Model, Output, Weights};
use leap_binder::train::{
    Augmentation, ClassWeights, Criterion, Frozen, Monitor, Optimiser, Samples, Sampling, TrainOptions, Trainee, train,
};

use leap_binder::{Error, Result};

use crate::common::{CLASSES, Patterns, SIDE, binder, bits, options, small_cnn, spec, trainee};

/// Trains until the patterns are known by heart, or gives up; the share of training samples that are right in evaluation.
fn learnt(weights: &Weights, options: &TrainOptions) -> f64 {
    let binder = binder(Patterns::default());
    let trainee = trainee(weights);
    let samples = Samples::of_subsets(&binder).unwrap();
    train(&binder, &trainee, &Samples { validation: vec![], ..samples }, options, &()).unwrap();
    let classifier = Classifier::new(&trainee.weights().unwrap(), &Device::Cpu).unwrap();
    let evaluation =
        leap_binder::evaluate::evaluate(&binder, &classifier, &[DataState::Training], &Default::default(), &())
            .unwrap();
    let right = evaluation.table.rows.iter().filter(|row| row.label == Some(row.prediction)).count();
    right as f64 / evaluation.table.rows.len() as f64
}

#[test]
fn every_way_of_training_learns_by_heart() {
    let small = small_cnn(1);
    let weighted = ClassWeights::SqrtBalanced;
    let ways = [
        ("SGD", TrainOptions { optimiser: Optimiser::sgd(), ..options(15) }),
        ("the last stages", TrainOptions { frozen: Frozen::Through("features.1".to_owned()), ..options(20) }),
        (
            "the head",
            TrainOptions {
                frozen: Frozen::AllButHead,
                learning_rate: 0.1,
                batch_size: 24,
                clip_norm: None,
                ..options(150)
            },
        ),
        ("the binder's own loss", TrainOptions { loss: Some("cross_entropy".to_owned()), ..options(15) }),
        ("focal", TrainOptions { criterion: Criterion::Focal { gamma: 2.0, class_weights: weighted }, ..options(15) }),
        (
            "balanced softmax",
            TrainOptions {
                criterion: Criterion::BalancedSoftmax { label_smoothing: 0.05 },
                sampling: Sampling::Balanced,
                ..options(15)
            },
        ),
        ("an average", TrainOptions { ema: Some(0.9), accumulation: 2, ..options(25) }),
        (
            "augmented",
            TrainOptions {
                augmentation: Augmentation { shift: 0.1, brightness: 0.1, ..Augmentation::NONE },
                ..options(20)
            },
        ),
    ];
    for (name, options) in ways {
        assert_eq!(learnt(&small, &options), 1.0, "{name}");
    }
}

#[test]
fn other_networks_learn_by_heart() {
    for (name, epochs) in [("densenet121", 16), ("yolov8n-cls", 16)] {
        let network = Architecture::by_name(name).unwrap();
        let input =
            ImageSpec { colours: Colours::GreyReplicated, normalisation: network.input().normalisation, ..spec() };
        let weights = Weights::random(Card::new(network, CLASSES).with_input(input), 3).unwrap();
        let options = TrainOptions { learning_rate: 2e-3, batch_size: 8, ..options(epochs) };
        assert_eq!(learnt(&weights, &options), 1.0, "{name}");
    }
}

/// Trains and judges on the same kind of samples; gives the best validation accuracy and the values.
fn run(options: &TrainOptions) -> (f64, Trainee) {
    let binder = binder(Patterns::default());
    let trainee = trainee(&small_cnn(1));
    let report = train(&binder, &trainee, &Samples::of_subsets(&binder).unwrap(), options, &()).unwrap();
    assert_eq!(report.class_counts, [8, 8, 8]);
    assert!(report.failures.is_empty());
    let best = report.history.best().unwrap().validation.unwrap();
    (best.accuracy, trainee)
}

#[test]
fn the_small_cnn_learns_patterns() {
    let (accuracy, trainee) = run(&options(12));
    assert_eq!(accuracy, 1.0);
    // The best values are in the trainee, and what evaluates them agrees.
    let binder = binder(Patterns::default());
    let classifier = Classifier::new(&trainee.weights().unwrap(), &Device::Cpu).unwrap();
    let evaluation =
        leap_binder::evaluate::evaluate(&binder, &classifier, &[DataState::Training], &Default::default(), &())
            .unwrap();
    assert!(evaluation.table.rows.iter().all(|row| row.label == Some(row.prediction)));
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let in_pool = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| bits(&run(&TrainOptions { ema: Some(0.9), accumulation: 2, ..options(2) }).1))
    };
    let one = in_pool(1);
    assert_eq!(one, in_pool(2));
    assert_eq!(one, in_pool(3));
}

const DIGEST: &str = "LEAP_BINDER_TEST_DIGEST";

/// Not a test of its own: prints what a short training of two networks gave.
#[test]
#[ignore = "run by any_number_of_processors_gives_the_same_bits"]
fn digest() {
    if std::env::var_os(DIGEST).is_none() {
        return;
    }
    let binder = binder(Patterns::default());
    let densenet = Architecture::DenseNet121;
    let input = ImageSpec { colours: Colours::GreyReplicated, normalisation: densenet.input().normalisation, ..spec() };
    let densenet = Weights::random(Card::new(densenet, CLASSES).with_input(input), 3).unwrap();
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for (weights, epochs) in [(small_cnn(1), 2), (densenet, 1)] {
        let trainee = trainee(&weights);
        let options = TrainOptions { ema: Some(0.9), ..options(epochs) };
        train(&binder, &trainee, &Samples::of_subsets(&binder).unwrap(), &options, &()).unwrap();
        for value in bits(&trainee).into_values().flatten() {
            hash = (hash ^ u64::from(value)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    println!("DIGEST {hash:016x}");
}

/// In processes of their own: what candle computes on is settled once for each.
#[test]
fn any_number_of_processors_gives_the_same_bits() {
    let with = |threads: &str| {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "learning::digest", "--ignored", "--nocapture"]);
        let output = command.env(DIGEST, "1").env("RAYON_NUM_THREADS", threads).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().find_map(|line| line.split_once("DIGEST ")).map(|(_, digest)| digest.to_owned());
        line.unwrap_or_else(|| panic!("{text}"))
    };
    let one = with("1");
    assert_eq!(one, with("2"));
    assert_eq!(one, with("5"));
}

#[test]
fn the_seed_decides() {
    let seeded = |seed| bits(&run(&TrainOptions { seed, ..options(1) }).1);
    assert_eq!(seeded(1), seeded(1));
    assert_ne!(seeded(1), seeded(2));
}

#[test]
fn early_stopping_keeps_the_best() {
    let binder = binder(Patterns::default());
    let trainee = trainee(&small_cnn(1));
    let samples = Samples::of_subsets(&binder).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options = TrainOptions {
        patience: Some(2),
        monitor: Monitor::BalancedAccuracy,
        folder: Some(folder.path().to_path_buf()),
        ..options(40)
    };
    let report = train(&binder, &trainee, &samples, &options, &()).unwrap();
    assert!(report.stopped_early);
    let (best, last) = (report.history.best().unwrap().epoch, report.history.epochs.last().unwrap().epoch);
    assert_eq!(last, best + 2);
    // What is in the folder is what is in the trainee.
    let saved = trainee_of(&Weights::open(folder.path().join("best.safetensors")).unwrap());
    assert_eq!(bits(&saved), bits(&trainee));
    let log = leap_binder::train::History::read_log(&folder.path().join("log.jsonl")).unwrap();
    assert_eq!(log, report.history);
    let curve = std::fs::read_to_string(folder.path().join("curve.svg")).unwrap();
    assert!(curve.starts_with("<svg") && curve.contains("validation balanced accuracy") && !curve.contains("NaN"));
}

fn trainee_of(weights: &Weights) -> Trainee {
    trainee(weights)
}

/// One linear layer over the pixels, as a model of one's own.
#[derive(Debug)]
struct Pixels {
    layer: candle_nn::Linear,
    classes: Vec<String>,
    input: ImageSpec,
}

impl Model for Pixels {
    fn name(&self) -> &str {
        "pixels"
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn input(&self) -> &ImageSpec {
        &self.input
    }

    fn latent_dim(&self) -> usize {
        SIDE * SIDE
    }

    fn parameters(&self) -> usize {
        CLASSES.len() * (SIDE * SIDE + 1)
    }

    fn device(&self) -> &Device {
        &Device::Cpu
    }

    fn forward(&self, xs: &Tensor) -> Result<Output> {
        self.forward_t(xs, Mode::Eval)
    }

    fn forward_t(&self, xs: &Tensor, _mode: Mode) -> Result<Output> {
        let pass = || {
            let latent = xs.flatten_from(1)?;
            Ok(Output { logits: self.layer.forward(&latent)?, latent })
        };
        pass().map_err(|source| Error::Tensor { stage: "pixels".to_owned(), source })
    }
}

#[test]
fn a_model_of_ones_own_learns() {
    let variables = VarMap::new();
    let vb = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
    let layer = candle_nn::linear(SIDE * SIDE, CLASSES.len(), vb.pp("layer")).unwrap();
    // What candle draws is not seeded.
    for (name, var) in variables.data().lock().unwrap().iter() {
        assert!(name.starts_with("layer."));
        var.set(&var.zeros_like().unwrap()).unwrap();
    }
    let model = Pixels { layer, classes: CLASSES.map(str::to_owned).to_vec(), input: spec() };
    let trainee = Trainee::around(Arc::new(model), variables).unwrap();
    let binder = binder(Patterns::default());
    let folder = tempfile::tempdir().unwrap();
    let options = TrainOptions { ema: Some(0.5), folder: Some(folder.path().to_path_buf()), ..options(10) };
    let report = train(&binder, &trainee, &Samples::of_subsets(&binder).unwrap(), &options, &()).unwrap();
    assert_eq!(report.history.best().unwrap().validation.unwrap().accuracy, 1.0);
    assert!(trainee.weights().is_err());
    // It cannot be cut, so nothing of it can stand still.
    let frozen = TrainOptions { frozen: Frozen::AllButHead, folder: None, ..options };
    assert!(train(&binder, &trainee, &Samples::of_subsets(&binder).unwrap(), &frozen, &()).is_err());
}

#[test]
fn a_single_sample_left_over_joins_the_batch_before_it() {
    // 25 samples in batches of 8: three steps, not four, of which the last would have no statistics.
    let binder = binder(Patterns { training: 25, ..Patterns::default() });
    let trainee = trainee(&small_cnn(1));
    let options = TrainOptions { batch_size: 8, ..options(1) };
    let report = train(&binder, &trainee, &Samples::of_subsets(&binder).unwrap(), &options, &()).unwrap();
    assert_eq!(report.history.epochs[0].steps, 3);
}
