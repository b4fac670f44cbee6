//! Input that is not quite usual: strides, gradients, training, what is no number, maps that are too small.

use std::sync::mpsc;
use std::time::Duration;

use candle_core::{DType, Tensor, Var};
use leap_binder::Error;
use leap_binder::model::{Architecture, Card, Engine, FusedDenseNet, Mode, Network, Precision, Weights};

use super::formula::batch;
use super::pairs::{AGREEMENT, CPU, Pair, SMALL, bits, distance, distances, flat, forward};

/// Views of larger tensors give what a copy of them gives.
#[test]
fn views_are_what_they_show() {
    let fused = SMALL.fused.as_ref();
    let wide = batch(3, 3, 50, 60);
    let turned = batch(1, 3, 40, 33).transpose(2, 3).unwrap();
    let one = batch(1, 1, 40, 40).broadcast_as((2, 3, 40, 40)).unwrap();
    for view in [wide.narrow(0, 1, 2).unwrap(), wide.narrow(3, 7, 41).unwrap(), turned, one] {
        assert_eq!(bits(&forward(fused, &view)), bits(&forward(fused, &view.copy().unwrap())), "{:?}", view.dims());
    }
}

/// Gradients, whole and from a split point, are those of the plain network.
#[test]
fn gradients_are_those_of_the_plain_network() {
    let (plain, fused) = (SMALL.plain.as_ref(), SMALL.fused.as_ref());
    let xs = batch(1, 3, 33, 47);
    let gradient = |network: &dyn Network| {
        let xs = Var::from_tensor(&xs).unwrap();
        let logits = network.forward_t(&xs, Mode::Eval).unwrap().logits;
        flat(logits.sum_all().unwrap().backward().unwrap().get(&xs).unwrap())
    };
    let found = gradient(fused);
    assert_eq!(found, gradient(plain));
    assert!(found.iter().any(|value| *value != 0.0));
    for split in fused.split_points() {
        let features = plain.forward_to(split, &xs).unwrap();
        let gradient = |network: &dyn Network| {
            let features = Var::from_tensor(&features).unwrap();
            let logits = network.forward_from(split, &features).unwrap().logits;
            flat(logits.sum_all().unwrap().backward().unwrap().get(&features).unwrap())
        };
        assert_eq!(gradient(fused), gradient(plain), "{split}");
    }
}

/// A pass in training mode moves the running statistics of the network that makes it, and so needs a pair of its own. What is
/// compiled stays as it was.
#[test]
fn training_is_that_of_the_plain_network() {
    let pair = Pair::of(SMALL.weights.clone());
    let xs = batch(2, 3, 64, 64);
    let before = bits(&forward(pair.fused.as_ref(), &xs));
    let train = |network: &dyn Network| flat(&network.forward_t(&xs, Mode::Train { seed: 1 }).unwrap().logits);
    assert_eq!(train(pair.fused.as_ref()), train(pair.plain.as_ref()));
    assert_eq!(bits(&forward(pair.fused.as_ref(), &xs)), before);
}

/// Weights that are in no file are drawn, and both networks draw the same.
#[test]
fn drawn_weights_are_those_of_the_plain_network() {
    let card = Card::new(Architecture::DenseNet121, ["a", "b", "c"]);
    let pair = Pair::of(Weights::random(card, 3).unwrap());
    let xs = batch(1, 3, 64, 64);
    let (plain, fused) = (forward(pair.plain.as_ref(), &xs), forward(pair.fused.as_ref(), &xs));
    assert!(flat(&plain.logits).iter().any(|logit| logit.abs() > 1e-3), "{:?}", flat(&plain.logits));
    assert!(distances(&fused, &plain).iter().all(|distance| *distance <= AGREEMENT), "{:?}", flat(&fused.logits));
}

#[test]
fn only_densenets_on_the_cpu_are_compiled() {
    let weights = Weights::random(Card::new(Architecture::by_name("resnet18").unwrap(), ["a", "b"]), 1);
    if let Ok(weights) = weights {
        assert!(matches!(FusedDenseNet::new(&weights, Precision::F32), Err(Error::Argument { .. })));
        let network = Engine::Fused.network(&weights, &CPU, DType::F32).unwrap();
        assert_eq!(network.name(), "resnet18");
    }
    let half = Engine::Fused.network(&SMALL.weights, &CPU, DType::F16).unwrap();
    assert_eq!(half.dtype(), DType::F16);
    assert_eq!("fused".parse::<Engine>().unwrap(), Engine::Fused);
    assert!("quick".parse::<Engine>().is_err());
}

/// Runs `work` on a thread of its own; fails instead of hanging with it.
fn ends<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || send.send(work()));
    receive.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|_| panic!("{what} does not end"))
}

/// Maps from which nothing is left on the way are errors, as with the plain network.
#[test]
fn maps_that_vanish_are_refused() {
    for (stage, split) in SMALL.fused.split_points().iter().enumerate() {
        for (h, w) in [(1, 1), (1, 9), (2, 2), (3, 3), (5, 1)] {
            let channels = SMALL.fused.forward_to(split, &batch(1, 3, 32, 32)).unwrap().dim(1).unwrap();
            let features = batch(1, channels, h, w);
            let plain = SMALL.plain.forward_from(split, &features);
            let what = format!("{h} x {w} after {split} ({stage})");
            let fused = ends(&what, move || SMALL.fused.forward_from(split, &features));
            assert_eq!(plain.is_ok(), fused.is_ok(), "{what}: {plain:?} and {fused:?}");
            if let (Ok(plain), Ok(fused)) = (plain, fused) {
                assert!(distance(&fused.logits, &plain.logits) <= AGREEMENT, "{what}");
            }
        }
    }
    for (h, w) in [(1, 1), (8, 8), (8, 64), (31, 31)] {
        let xs = batch(1, 3, h, w);
        let plain = SMALL.plain.run(&xs, 0..9, Mode::Eval);
        let fused = ends("a small image", move || SMALL.fused.run(&xs, 0..9, Mode::Eval));
        assert_eq!(plain.is_ok(), fused.is_ok(), "{h} x {w}: {plain:?} and {fused:?}");
    }
}

/// What is no number, or infinite, anywhere in one image: the other images do not notice.
#[test]
fn a_bad_image_harms_no_other() {
    let fused = SMALL.fused.as_ref();
    let good = batch(2, 3, 47, 64);
    let expected = bits(&forward(fused, &good.narrow(0, 1, 1).unwrap()));
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
        let mut values = flat(&good);
        values[1234] = bad;
        let xs = Tensor::from_vec(values, (2, 3, 47, 64), &CPU).unwrap();
        let output = forward(fused, &xs);
        // A value that is none does not become an answer.
        let first = |xs: &Tensor| flat(&xs.narrow(0, 0, 1).unwrap());
        assert!(first(&output.logits).iter().all(|value| !value.is_finite()) || bad == f32::MAX, "{bad}");
        let row = |xs: &Tensor| flat(&xs.narrow(0, 1, 1).unwrap());
        let found: Vec<u32> =
            [row(&output.logits), row(&output.latent)].concat().iter().map(|value| value.to_bits()).collect();
        assert_eq!(found, expected, "{bad}");
        // And nothing stays in memory that is used again.
        assert_eq!(bits(&forward(fused, &good.narrow(0, 1, 1).unwrap())), expected, "after {bad}");
    }
}
