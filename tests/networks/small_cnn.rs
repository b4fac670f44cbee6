//! The small CNN against an independent PyTorch module.

use candle_core::{DType, Tensor};
use leap_binder::Error;
use leap_binder::model::{Architecture, Mode};

use super::formula;
use super::golden::{assert_close, build, check_promises, flat, read};

/// 2e-6 was measured.
const TOLERANCE: f64 = 2e-5;
/// 6e-6 was measured.
const GRADIENTS: f64 = 1e-4;

#[test]
fn scores_as_in_pytorch() {
    for case in read("small_cnn.json").cases {
        case.check(TOLERANCE);
    }
}

#[test]
fn has_the_tensors_of_the_pytorch_module() {
    for state in read("small_cnn.json").states {
        state.check();
    }
}

/// Three steps with dropout: logits, gradients and, after the last, the statistics.
#[test]
fn trains_as_in_pytorch() {
    let training = read("small_cnn.json").training;
    training.check(|vb| build(&training.network, 1, 3, vb), GRADIENTS);
}

#[test]
fn rows_and_cuts_change_no_bit() {
    let network = build("small_cnn", 1, 3, formula::var_builder(DType::F32));
    assert_eq!(network.split_points(), ["features.0", "features.1", "features.2", "features.3", "features.4"]);
    check_promises(network.as_ref(), &formula::batch(3, 1, 64, 75));
}

#[test]
fn every_side_from_32_is_taken() {
    let network = build("small_cnn", 1, 3, formula::var_builder(DType::F32));
    for (h, w) in [(32, 32), (33, 63), (64, 101), (224, 32), (511, 40), (640, 640)] {
        let output = network.forward_t(&formula::batch(1, 1, h, w), Mode::Eval).unwrap();
        assert!(flat(&output.logits).iter().all(|x| x.is_finite()), "{h} {w}");
        let map = network.forward_to("features.4", &formula::batch(1, 1, h, w)).unwrap();
        assert_eq!(map.dims(), [1, 64, h / 32, w / 32]);
    }
    for shape in [(1, 1, 31, 32), (1, 1, 32, 31), (1, 3, 32, 32), (0, 1, 32, 32)] {
        let xs = Tensor::zeros(shape, DType::F32, network.device()).unwrap();
        assert!(matches!(network.forward_t(&xs, Mode::Eval), Err(Error::Argument { .. })), "{shape:?}");
    }
    for (channels, classes) in [(2, 3), (0, 3), (1, 0)] {
        let built = Architecture::SmallCnn.build(channels, classes, formula::var_builder(DType::F32));
        assert!(matches!(built, Err(Error::Argument { .. })), "{channels} {classes}");
    }
}

/// Dropout is a function of the seed; the latent vector is what goes into it.
#[test]
fn the_seed_decides_what_is_dropped() {
    let network = build("small_cnn", 1, 3, formula::var_builder(DType::F32));
    let xs = formula::batch(4, 1, 32, 32);
    let pass = |seed| network.forward_t(&xs, Mode::Train { seed }).unwrap();
    let (first, again, other) = (pass(1), pass(1), pass(2));
    assert_eq!(flat(&first.logits), flat(&again.logits));
    assert_ne!(flat(&first.logits), flat(&other.logits));
    assert_eq!(flat(&first.latent), flat(&other.latent));
}

#[test]
fn half_precision_agrees() {
    let xs = formula::batch(2, 1, 64, 64);
    let score = |dtype| {
        let network = build("small_cnn", 1, 3, formula::var_builder(dtype));
        flat(&network.forward_t(&xs.to_dtype(dtype).unwrap(), Mode::Eval).unwrap().logits)
    };
    // Five layers, each rounded to 11 bits. candle has no product of bf16 matrices on the CPU.
    assert_close(&score(DType::F16), &score(DType::F32), 0.0, 5e-3, "f16");
}
