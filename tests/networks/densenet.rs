//! DenseNets against torchvision: evaluation, gradients, training.

use candle_core::{DType, Tensor};
use candle_nn::VarBuilder;
use leap_binder::Error;
use leap_binder::model::{Architecture, DenseNet, DenseNetConfig, Mode, Network};

use super::formula::{batch, var_builder, variables};
use super::golden::{assert_close, build, check_promises, flat, read};

const CLASSES: usize = 3;

/// With the options that [`Architecture::build`] leaves at their defaults.
pub(super) fn configured(name: &str, drop_rate: f64, memory_efficient: bool, vb: VarBuilder) -> Box<dyn Network> {
    let config = match name {
        "densenet121" => DenseNetConfig::densenet121(),
        "densenet201" => DenseNetConfig::densenet201(),
        "tiny" => {
            let block_layers = vec![2, 3];
            DenseNetConfig { growth_rate: 8, init_features: 16, block_layers, ..DenseNetConfig::densenet121() }
        }
        other => panic!("{other}"),
    };
    Box::new(DenseNet::new(&DenseNetConfig { drop_rate, memory_efficient, ..config }, CLASSES, vb).unwrap())
}

#[test]
fn evaluate_as_in_torchvision() {
    for case in read("densenets.json").cases {
        case.check(1e-4);
    }
}

#[test]
fn have_the_tensors_of_torchvision() {
    for state in read("densenets.json").states {
        state.check();
    }
}

/// Both ways of taking the gradient: keeping the activations, and computing the blocks again.
#[test]
fn gradients_are_those_of_torchvision() {
    for golden in read("densenets.json").gradients {
        for memory_efficient in [false, true] {
            golden.check(|vb| configured(&golden.network, 0.0, memory_efficient, vb), 1e-3);
        }
    }
}

/// Logits before each of three steps, gradients of the first, statistics after the last.
#[test]
fn train_as_in_torchvision() {
    let golden = read("densenets.json").training;
    for memory_efficient in [false, true] {
        golden.check(|vb| configured(&golden.network, 0.0, memory_efficient, vb), 1e-3);
    }
}

/// Dropout is drawn from the seed, in both ways of taking the gradient alike.
#[test]
fn dropout_follows_the_seed() {
    let xs = batch(2, 3, 64, 64);
    let run = |memory_efficient, seed| {
        let (map, network) = variables(|vb| configured("densenet121", 0.3, memory_efficient, vb));
        let logits = network.forward_t(&xs, Mode::Train { seed }).unwrap().logits;
        let gradients = logits.sum_all().unwrap().backward().unwrap();
        let stem = map.data().lock().unwrap()["features.denseblock4.denselayer1.conv1.weight"].clone();
        (flat(&logits), flat(gradients.get(&stem).unwrap()))
    };
    let (plain, frugal) = (run(false, 1), run(true, 1));
    assert_eq!(plain, run(false, 1));
    assert_eq!(plain.0, frugal.0);
    assert_close(&plain.1, &frugal.1, 0.0, 1e-4, "gradient");
    assert_ne!(plain.0, run(false, 2).0);
}

/// Rows do not depend on each other, and the pass can be cut anywhere, without changing a bit.
#[test]
fn rows_and_cuts_change_no_bit() {
    let network = build("densenet121", 3, CLASSES, var_builder(DType::F32));
    assert_eq!(network.split_points().len(), 9);
    check_promises(network.as_ref(), &batch(2, 3, 64, 33));
    let error = network.forward_to("layer4", &batch(1, 3, 32, 32)).unwrap_err().to_string();
    assert!(error.contains("features.denseblock4") && error.contains("layer4"), "{error}");
}

/// torchvision's counts with 1000 classes, and each network's latent width.
#[test]
fn parameters_are_counted_as_in_torchvision() {
    for (name, parameters, latent_dim) in [
        ("densenet121", 7_978_856, 1024),
        ("densenet161", 28_681_000, 2208),
        ("densenet169", 14_149_480, 1664),
        ("densenet201", 20_013_928, 1920),
    ] {
        assert_eq!(Architecture::by_name(name).unwrap().parameters(3, 1000).unwrap(), parameters, "{name}");
        let network = build(name, 1, 2, var_builder(DType::F32));
        assert_eq!((network.latent_dim(), network.channels(), network.classes()), (latent_dim, 1, 2));
    }
    assert_eq!(Architecture::by_name("densenet264"), None);
    assert!(Architecture::DenseNet121.build(2, 3, var_builder(DType::F32)).is_err());
    assert!(Architecture::DenseNet121.build(3, 0, var_builder(DType::F32)).is_err());
}

#[test]
fn impossible_configurations_and_stages_are_refused() {
    let sound = DenseNetConfig::densenet121();
    for config in [
        DenseNetConfig { channels: 2, ..sound.clone() },
        DenseNetConfig { growth_rate: 0, ..sound.clone() },
        DenseNetConfig { bn_size: 0, ..sound.clone() },
        DenseNetConfig { block_layers: Vec::new(), ..sound.clone() },
        DenseNetConfig { drop_rate: 1.0, ..sound.clone() },
        DenseNetConfig { drop_rate: f64::NAN, ..sound.clone() },
    ] {
        assert!(
            matches!(DenseNet::new(&config, 2, var_builder(DType::F32)), Err(Error::Argument { .. })),
            "{config:?}"
        );
    }
    for name in ["densenet121", "small_cnn"] {
        let network = build(name, 3, CLASSES, var_builder(DType::F32));
        let beyond = 0..network.split_points().len() + 1;
        assert!(matches!(network.run(&batch(1, 3, 32, 32), beyond, Mode::Eval), Err(Error::Argument { .. })), "{name}");
        let empty = Tensor::zeros((1, 64, 0, 0), DType::F32, network.device()).unwrap();
        let split = &network.split_points()[0];
        assert!(matches!(network.forward_from(split, &empty), Err(Error::Argument { .. })), "{name}");
    }
}

/// From the smallest side to large ones.
#[test]
fn every_side_from_32_is_taken() {
    let network = build("densenet201", 3, CLASSES, var_builder(DType::F32));
    for (h, w) in [(32, 32), (33, 47), (65, 65), (96, 640), (320, 320), (640, 640)] {
        let xs = batch(1, 3, h, w);
        let logits = flat(&network.forward_t(&xs, Mode::Eval).unwrap().logits);
        assert!(logits.iter().all(|x| x.is_finite()), "{h} x {w}");
        assert_eq!(network.forward_to("features.norm5", &xs).unwrap().dims(), [1, 1920, h / 32, w / 32]);
    }
    for shape in [(1, 3, 31, 32), (1, 3, 32, 31), (1, 1, 32, 32), (0, 3, 32, 32)] {
        let xs = Tensor::zeros(shape, DType::F32, network.device()).unwrap();
        assert!(network.forward_t(&xs, Mode::Eval).is_err(), "{shape:?}");
    }
}

/// f16 weights and arithmetic on the CPU. bf16 has no matrix product there and must fail, not be computed otherwise.
#[test]
fn sixteen_bits_stay_near_thirty_two() {
    let run = |dtype| {
        let network = build("densenet201", 3, CLASSES, var_builder(dtype));
        network.forward_t(&batch(2, 3, 64, 64).to_dtype(dtype).unwrap(), Mode::Eval)
    };
    let (wide, narrow) = (run(DType::F32).unwrap(), run(DType::F16).unwrap());
    assert_eq!(narrow.logits.dtype(), DType::F16);
    assert_close(&flat(&narrow.logits), &flat(&wide.logits), 0.0, 2e-2, "logits");
    assert_close(&flat(&narrow.latent), &flat(&wide.latent), 0.0, 2e-2, "latent");
    assert!(run(DType::BF16).is_err());
}
