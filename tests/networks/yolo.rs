//! YOLOv8 against Ultralytics.

use candle_core::{DType, Device, Result, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder, VarMap};
use leap_binder::Error;
use leap_binder::model::{Mode, Network, YoloDetector, YoloSize};

use super::formula;
use super::golden::{assert_close, build, check_promises, flat, read};

/// 3e-6 was measured.
const TOLERANCE: f64 = 2e-5;
/// 8e-6 was measured.
const GRADIENTS: f64 = 1e-4;

/// The formula's weights, but for what a distance's bins are worth: 0 to 15, as in every file.
struct WithBins;

impl SimpleBackend for WithBins {
    fn get(&self, shape: Shape, name: &str, _: Init, _: DType, device: &Device) -> Result<Tensor> {
        if name.ends_with("dfl.conv.weight") {
            Tensor::arange(0f32, 16.0, device)?.reshape(shape)
        } else {
            Ok(formula::tensor(name, shape.dims()))
        }
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        Err(candle_core::Error::CannotFindTensor { path: name.to_owned() })
    }

    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}

fn detector(size: YoloSize, channels: usize) -> YoloDetector {
    let vb = VarBuilder::from_backend(Box::new(WithBins), DType::F32, Device::Cpu);
    YoloDetector::new(size, channels, 3, vb).unwrap()
}

#[test]
fn classifiers_score_as_in_ultralytics() {
    let cases: Vec<_> = read("yolo.json").cases.into_iter().filter(|case| case.strongest.is_none()).collect();
    assert_eq!(cases.len(), 6);
    for case in cases {
        case.check(TOLERANCE);
    }
}

#[test]
fn detectors_score_as_in_ultralytics() {
    let cases: Vec<_> = read("yolo.json").cases.into_iter().filter(|case| case.strongest.is_some()).collect();
    assert_eq!(cases.len(), 6);
    for case in cases {
        case.check(TOLERANCE);
    }
}

#[test]
fn the_strongest_box_is_that_of_ultralytics() {
    for case in read("yolo.json").cases {
        let Some(size) = YoloSize::ALL.into_iter().find(|size| size.detector() == case.network) else { continue };
        let detector = detector(size, case.shape[1]);
        let boxes = detector.strongest_boxes(&case.input()).unwrap();
        let expected = case.strongest.unwrap();
        assert_eq!(boxes.len(), expected.len());
        for (found, expected) in boxes.iter().zip(&expected) {
            assert_eq!(found.class, expected.class, "{}", case.network);
            assert!((found.confidence - expected.confidence).abs() < 1e-5, "{}", case.network);
            // In pixels of an image of at most 96.
            assert_close(&found.xyxy, &expected.xyxy, 0.0, 1e-4, &case.network);
        }
    }
}

/// A state dict of Ultralytics has what is asked for, and nothing else.
#[test]
fn tensors_and_parameters_are_those_of_ultralytics() {
    let states = read("yolo.json").states;
    assert_eq!(states.len(), 10);
    for state in states {
        state.check();
    }
}

/// Three steps of gradient descent: logits, gradients and, after the last, the statistics.
#[test]
fn a_classifier_trains_as_in_ultralytics() {
    let training = read("yolo.json").training;
    training.check(|vb| build(&training.network, 3, 3, vb), GRADIENTS);
}

#[test]
fn a_detectors_gradients_are_those_of_ultralytics() {
    let golden = read("yolo.json").gradients;
    assert_eq!(golden.len(), 1);
    for gradients in golden {
        gradients.check(|vb| build(&gradients.network, 3, 3, vb), GRADIENTS);
    }
}

#[test]
fn rows_and_cuts_change_no_bit() {
    let network = build("yolov8n-cls", 3, 3, formula::var_builder(DType::F32));
    assert_eq!(network.split_points().len(), 9);
    check_promises(network.as_ref(), &formula::batch(3, 3, 45, 64));
    let network = detector(YoloSize::N, 3);
    assert_eq!(network.split_points(), ["model.0", "model.1", "model.2", "model.3", "model.4", "neck"]);
    let xs = formula::batch(3, 3, 64, 96);
    check_promises(&network, &xs);
    // The packed maps: 16 * 64 + 4 * 128 + 256 channels at a thirty-second.
    assert_eq!(network.forward_to("neck", &xs).unwrap().dims(), [3, 1792, 2, 3]);
    let together = network.strongest_boxes(&xs).unwrap();
    for (i, together) in together.iter().enumerate() {
        assert_eq!(network.strongest_boxes(&xs.narrow(0, i, 1).unwrap()).unwrap(), [*together]);
    }
}

/// The box's class has the largest logit, and its confidence is that logit's sigmoid.
#[test]
fn a_detectors_logits_are_those_of_its_strongest_box() {
    let network = detector(YoloSize::S, 1);
    let xs = formula::batch(2, 1, 32, 64);
    let logits = network.forward_t(&xs, Mode::Eval).unwrap().logits.to_vec2::<f32>().unwrap();
    for (logits, found) in logits.iter().zip(network.strongest_boxes(&xs).unwrap()) {
        assert!(logits.iter().all(|&logit| logit <= logits[found.class]));
        assert_eq!(found.confidence, 1.0 / (1.0 + (-logits[found.class]).exp()));
    }
}

#[test]
fn sides_that_do_not_fit_are_refused_in_words() {
    let network = detector(YoloSize::N, 3);
    for (h, w) in [(33, 64), (64, 100)] {
        let xs = formula::batch(1, 3, h, w);
        for error in [network.forward_t(&xs, Mode::Eval).unwrap_err(), network.strongest_boxes(&xs).unwrap_err()] {
            let message = error.to_string();
            assert!(matches!(error, Error::Argument { .. }), "{message}");
            assert!(
                message.contains("sides that are multiples of 32") && message.contains(&format!("{h}, {w}]")),
                "{message}"
            );
        }
    }
    for shape in [(1, 3, 31, 64), (1, 1, 64, 64), (0, 3, 64, 64)] {
        let xs = Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
        assert!(matches!(network.strongest_boxes(&xs), Err(Error::Argument { .. })), "{shape:?}");
    }
    let nan = (formula::batch(1, 3, 32, 32) * f64::NAN).unwrap();
    assert!(matches!(network.strongest_boxes(&nan), Err(Error::Tensor { .. })));
    for (channels, classes) in [(2, 3), (3, 0)] {
        let built = YoloDetector::new(YoloSize::N, channels, classes, formula::var_builder(DType::F32));
        assert!(matches!(built, Err(Error::Argument { .. })));
    }
}

#[test]
fn a_classifier_takes_every_side_from_32() {
    let network = build("yolov8n-cls", 1, 3, formula::var_builder(DType::F32));
    for (h, w) in [(32, 32), (33, 63), (64, 101), (224, 32), (640, 640)] {
        let xs = formula::batch(1, 1, h, w);
        let map = network.forward_to("model.8", &xs).unwrap();
        assert_eq!(map.dims(), [1, 256, h.div_ceil(32), w.div_ceil(32)]);
        let output = network.forward_from("model.8", &map).unwrap();
        assert!(flat(&output.logits).iter().all(|x| x.is_finite()), "{h} {w}");
    }
    for shape in [(1, 1, 31, 32), (1, 1, 32, 31), (1, 3, 32, 32), (0, 1, 32, 32)] {
        let xs = Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
        assert!(matches!(network.forward_t(&xs, Mode::Eval), Err(Error::Argument { .. })), "{shape:?}");
    }
}

/// Training by class logits does not run the box branch; nothing of it may move.
#[test]
fn training_leaves_a_detectors_box_branch_alone() {
    let (map, network) = formula::variables(|vb| build("yolov8n", 1, 3, vb));
    let output = network.forward_t(&formula::batch(1, 1, 64, 64), Mode::Train { seed: 0 }).unwrap();
    let gradients = output.logits.sum_all().unwrap().backward().unwrap();
    let is_box = |name: &str| name.starts_with("model.22.cv2") || name.starts_with("model.22.dfl");
    for (name, var) in map.data().lock().unwrap().iter() {
        if name.contains("running_") {
            let moved = flat(var) != flat(&formula::tensor(name, var.dims()));
            assert_ne!(moved, is_box(name), "{name}");
        } else {
            assert_ne!(gradients.get(var).is_some(), is_box(name), "{name}");
        }
    }
}

#[test]
fn half_precision_agrees() {
    for name in ["yolov8n-cls", "yolov8n"] {
        let xs = formula::batch(2, 3, 64, 64);
        let score = |dtype| {
            let network = build(name, 3, 3, formula::var_builder(dtype));
            flat(&network.forward_t(&xs.to_dtype(dtype).unwrap(), Mode::Eval).unwrap().logits)
        };
        // Some twenty layers, each rounded to 11 bits. candle has no product of bf16 matrices on the CPU.
        assert_close(&score(DType::F16), &score(DType::F32), 0.0, 1e-2, name);
    }
}

/// A new detector can decode boxes, and files written from it are what Ultralytics expects.
#[test]
fn a_new_detector_knows_what_a_distances_bins_are_worth() {
    let map = VarMap::new();
    let vb = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    YoloDetector::new(YoloSize::N, 1, 2, vb).unwrap();
    let bins = flat(&map.data().lock().unwrap()["model.22.dfl.conv.weight"]);
    assert_eq!(bins, (0u8..16).map(f32::from).collect::<Vec<_>>());
}
