//! The shipped DenseNet201 against torchvision, from pixels and from files, and how images are prepared for it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use candle_core::{DType, Device, Tensor};
use leap_binder::Error;
use leap_binder::imaging::{self, ChannelOrder, Colours, Fit, Image, ImageSpec, Normalisation, Resampling};
use leap_binder::model::{Adapted, Classifier, Mode, Model, Network, Weights, device};
use serde::Deserialize;

/// The network on torchvision's own pixels: 5e-7 was measured.
const SAME_PIXELS: f32 = 2e-5;
/// JPEG decoders differ by one level in about one pixel of two hundred, which moves a logit by up to a few thousandths.
const OTHER_DECODER: f32 = 5e-3;

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The shipped weights, read once for all tests.
static WEIGHTS: LazyLock<Weights> =
    LazyLock::new(|| Weights::open(root("assets/weights/densenet201-kermany224-f16.safetensors")).unwrap());
static CLASSIFIER: LazyLock<Classifier> = LazyLock::new(|| Classifier::new(&WEIGHTS, &Device::Cpu).unwrap());

#[derive(Deserialize)]
struct Golden {
    odd_sizes: Vec<OddSize>,
    images: Vec<GoldenImage>,
}

#[derive(Deserialize)]
struct OddSize {
    side: usize,
    logits: Vec<f32>,
}

#[derive(Deserialize)]
struct GoldenImage {
    file: String,
    logits: Vec<f32>,
    latent_head: Vec<f32>,
    latent_norm: f32,
}

fn golden() -> Golden {
    serde_json::from_slice(&std::fs::read(root("tests/fixtures/model/densenet201.json")).unwrap()).unwrap()
}

fn sample(file: &str) -> Image {
    imaging::decode_file(root("assets/sample").join(file)).unwrap()
}

fn assert_close(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= tolerance, "{what}: {found} instead of {expected}");
    }
}

fn argmax(values: &[f32]) -> usize {
    (0..values.len()).max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap()
}

/// Values without a pattern, in [-1, 1].
fn formula(n: usize, side: usize) -> Tensor {
    let values: Vec<f32> = (0..n * 3 * side * side).map(|i| (0.37 * i as f32).sin()).collect();
    Tensor::from_vec(values, (n, 3, side, side), &Device::Cpu).unwrap()
}

fn batch(images: &[Image], spec: &ImageSpec) -> Tensor {
    let values: Vec<f32> = images.iter().flat_map(|i| i.encode(spec.channel_order, spec.normalisation)).collect();
    Tensor::from_vec(values, (images.len(), spec.height, spec.width, 3), &Device::Cpu).unwrap()
}

trait Flat {
    fn flat(&self) -> Vec<f32>;
}

impl Flat for Tensor {
    fn flat(&self) -> Vec<f32> {
        self.flatten_all().unwrap().to_vec1().unwrap()
    }
}

/// The shipped network without a classifier around it.
fn shipped() -> Box<dyn Network> {
    WEIGHTS.network(&Device::Cpu, DType::F32).unwrap()
}

fn score(image: &Image) -> (Vec<f32>, Vec<f32>) {
    let spec = CLASSIFIER.input();
    let xs = spec.prepare(spec, &batch(std::slice::from_ref(image), spec), &Device::Cpu).unwrap();
    let output = CLASSIFIER.forward(&xs).unwrap();
    (output.logits.flat(), output.latent.flat())
}

fn assert_golden(golden: &GoldenImage, logits: &[f32], latent: &[f32], tolerance: f32) {
    assert_close(logits, &golden.logits, tolerance, &golden.file);
    assert_close(&latent[..16], &golden.latent_head, tolerance, &golden.file);
    let norm = latent.iter().map(|x| x * x).sum::<f32>().sqrt();
    assert!((norm / golden.latent_norm - 1.0).abs() <= tolerance, "{}: {norm}", golden.file);
    assert_eq!(argmax(logits), argmax(&golden.logits), "{}", golden.file);
}

/// The same pixels as torchvision had: only the order of f32 sums differs.
#[test]
fn decoded_images_score_as_in_torchvision() {
    let mut found = 0;
    for golden in golden().images {
        let name = Path::new(&golden.file).with_extension("png");
        let path = root("tests/fixtures/model/decoded").join(name.file_name().unwrap());
        if path.exists() {
            let (logits, latent) = score(&imaging::decode_file(path).unwrap());
            assert_golden(&golden, &logits, &latent, SAME_PIXELS);
            found += 1;
        }
    }
    assert_eq!(found, 6);
}

/// From the JPEG file to the class.
#[test]
fn jpeg_files_score_nearly_as_in_torchvision() {
    for golden in golden().images {
        let image = sample(&golden.file);
        let (logits, latent) = score(&image);
        assert_golden(&golden, &logits, &latent, OTHER_DECODER);
        let class = CLASSIFIER.classify(&image).unwrap();
        assert_eq!(class.class, argmax(&golden.logits), "{}", golden.file);
        assert_eq!(class.label, CLASSIFIER.classes()[class.class]);
        assert_eq!(class.latent, latent);
        // Softmax turned back into differences of logits.
        for (probability, logit) in class.probabilities.iter().zip(&logits) {
            let difference = (probability / class.probabilities[0]).ln() as f32;
            assert!((difference - (logit - logits[0])).abs() < 1e-5, "{}", golden.file);
        }
        assert!((class.probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
}

#[test]
fn odd_sizes_score_as_in_torchvision() {
    let network = shipped();
    for OddSize { side, logits } in golden().odd_sizes {
        let count = 3 * side * side;
        // torch.linspace in f32: from both ends, so that the middle is symmetric.
        let step = 4.0 / (count - 1) as f32;
        let at = |i: usize| if i < count / 2 { -2.0 + step * i as f32 } else { 2.0 - step * (count - 1 - i) as f32 };
        let values: Vec<f32> = (0..count).map(|i| (7.0 * at(i)).sin()).collect();
        let xs = Tensor::from_vec(values, (1, 3, side, side), &Device::Cpu).unwrap();
        let found = network.forward_t(&xs, Mode::Eval).unwrap().logits.flat();
        assert_close(&found, &logits, SAME_PIXELS, &format!("side {side}"));
    }
}

#[test]
fn batch_and_threads_change_no_bit() {
    let xs = formula(3, 224);
    let (logits, latent) = {
        let output = CLASSIFIER.forward(&xs).unwrap();
        (output.logits.to_vec2::<f32>().unwrap(), output.latent.to_vec2::<f32>().unwrap())
    };
    for i in 0..3 {
        let one = CLASSIFIER.forward(&xs.narrow(0, i, 1).unwrap()).unwrap();
        assert_eq!(one.logits.to_vec2::<f32>().unwrap()[0], logits[i]);
        assert_eq!(one.latent.to_vec2::<f32>().unwrap()[0], latent[i]);
    }
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let output = pool.install(|| CLASSIFIER.forward(&xs).unwrap());
        assert_eq!(output.logits.to_vec2::<f32>().unwrap(), logits, "{threads} threads");
        assert_eq!(output.latent.to_vec2::<f32>().unwrap(), latent, "{threads} threads");
    }
}

/// The head's product is small enough for the batch to choose its kernel: 86 images were enough.
#[test]
fn a_large_batch_changes_no_bit() {
    let network = shipped();
    let xs = formula(100, 32);
    let together = network.forward_t(&xs, Mode::Eval).unwrap().logits.to_vec2::<f32>().unwrap();
    for i in [0, 50, 99] {
        assert_eq!(
            network.forward_t(&xs.narrow(0, i, 1).unwrap(), Mode::Eval).unwrap().logits.flat(),
            together[i],
            "image {i}"
        );
    }
}

#[test]
fn files_bytes_and_batches_agree() {
    let files = ["chest_xray/test/NORMAL/IM-0001-0001.jpeg", "chest_xray/test/PNEUMONIA/person1_virus_7.jpeg"];
    let images = files.map(sample);
    let together = CLASSIFIER.classify_batch(&images).unwrap();
    for (file, expected) in files.iter().zip(&together) {
        let path = root("assets/sample").join(file);
        assert_eq!(&CLASSIFIER.classify_file(&path).unwrap(), expected);
        assert_eq!(&CLASSIFIER.classify_bytes(&std::fs::read(&path).unwrap()).unwrap(), expected);
    }
    assert!(CLASSIFIER.classify_batch(&[]).unwrap().is_empty());
    assert!(matches!(CLASSIFIER.classify_bytes(b"no picture"), Err(Error::Image { .. })));
}

#[test]
fn input_of_another_shape_is_refused() {
    let network = shipped();
    for shape in [vec![3, 64, 64], vec![1, 1, 64, 64], vec![1, 3, 31, 64], vec![1, 3, 64, 31], vec![0, 3, 64, 64]] {
        let xs = Tensor::zeros(shape.as_slice(), DType::F32, &Device::Cpu).unwrap();
        assert!(matches!(network.forward_t(&xs, Mode::Eval), Err(Error::Argument { .. })), "{shape:?}");
        assert!(matches!(CLASSIFIER.forward(&xs), Err(Error::Argument { .. })), "{shape:?}");
    }
    assert!(matches!(CLASSIFIER.forward(&formula(1, 256)), Err(Error::Argument { .. })));
}

#[test]
fn devices_have_names() {
    assert!(device("cpu").unwrap().is_cpu());
    for name in ["gpu", "cuda:", "cuda:x", "CPU", ""] {
        assert!(matches!(device(name), Err(Error::Config { .. })), "{name}");
    }
    for name in ["cuda", "cuda:1"] {
        if cfg!(not(feature = "cuda")) {
            let error = device(name).unwrap_err();
            assert!(matches!(&error, Error::Device { requested, .. } if requested == name), "{error}");
            assert!(error.to_string().contains("--features cuda"), "{error}");
        }
    }
}

fn unit(width: usize, height: usize) -> ImageSpec {
    let normalisation = Normalisation::UnitRange;
    ImageSpec {
        width,
        height,
        colours: Colours::Rgb,
        channel_order: ChannelOrder::Rgb,
        normalisation,
        resampling: None,
    }
}

#[test]
fn a_spec_round_trips_and_prints_one_line() {
    let spec = WEIGHTS.input();
    assert_eq!(
        spec.to_string(),
        "224x224 grey x3, unit range then (x - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]"
    );
    let other =
        ImageSpec { channel_order: ChannelOrder::Bgr, resampling: Some(Resampling::OpenCvLinear), ..unit(640, 480) };
    assert_eq!(other.to_string(), "640x480 bgr, unit range, opencv_linear");
    let single = ImageSpec { colours: Colours::Grey, ..unit(32, 32) };
    assert_eq!(single.to_string(), "32x32 grey, unit range");
    for spec in [spec, &other, &single] {
        let json = serde_json::to_string(spec).unwrap();
        assert_eq!(&serde_json::from_str::<ImageSpec>(&json).unwrap(), spec, "{json}");
    }
}

#[test]
fn a_spec_that_cannot_be_kept_is_refused() {
    for (json, problem) in [
        (r#"{"side":224,"channels":2,"scale":"1/255"}"#, "1 or 3 channels"),
        (r#"{"side":224,"channels":1,"grey_replicated":true,"scale":"1/255"}"#, "3 channels for replicated grey"),
        (r#"{"side":224,"channels":3,"scale":"1/127.5"}"#, "1/255"),
        (r#"{"side":0,"channels":3,"scale":"1/255"}"#, "above zero"),
        (r#"{"side":8,"width":8,"height":8,"channels":3,"scale":"1/255"}"#, "either side"),
        (r#"{"width":8,"channels":3,"scale":"1/255"}"#, "either side"),
        (r#"{"side":8,"channels":3,"scale":"1/255","mean":[0,0,0]}"#, "both mean and std"),
        (r#"{"side":8,"channels":3,"scale":"1/255","mean":[0,0,0],"std":[1,0,1]}"#, "std above zero"),
        (r#"{"side":8,"channels":3,"scale":"1/255","crop":4}"#, "crop"),
        (r#"{"side":8,"channels":3,"scale":"1/255","resampling":"lanczos"}"#, "lanczos"),
    ] {
        let error = serde_json::from_str::<ImageSpec>(json).unwrap_err().to_string();
        assert!(error.contains(problem), "{json}: {error}");
    }
}

#[test]
fn a_model_takes_only_input_prepared_its_way() {
    let grey = WEIGHTS.input().clone();
    let colour = ImageSpec { colours: Colours::Rgb, ..grey.clone() };
    let bgr = ImageSpec { channel_order: ChannelOrder::Bgr, ..colour.clone() };
    let plain = |spec: &ImageSpec| ImageSpec { normalisation: Normalisation::UnitRange, ..spec.clone() };
    let kernel = |resampling, spec: &ImageSpec| ImageSpec { resampling: Some(resampling), ..spec.clone() };
    let pil = kernel(Resampling::PilBilinear, &grey);
    let single = ImageSpec { colours: Colours::Grey, ..grey.clone() };
    let other = Normalisation::MeanStd { mean: [0.5; 3], std: [0.5; 3] };

    for (model, given, fit) in [
        (&grey, &grey, Fit::Ready),
        (&grey, &plain(&grey), Fit::Standardise),
        (&colour, &grey, Fit::Ready),
        (&bgr, &plain(&grey), Fit::Standardise),
        (&plain(&bgr), &plain(&grey), Fit::Ready),
        (&pil, &grey, Fit::Ready),
        (&grey, &pil, Fit::Ready),
        // One grey channel and three copies of it.
        (&single, &plain(&grey), Fit::Standardise),
        (&single, &grey, Fit::Ready),
        (&grey, &plain(&single), Fit::Standardise),
        (&colour, &plain(&single), Fit::Standardise),
    ] {
        assert_eq!(model.accepts(given).unwrap(), fit, "{model} given {given}");
    }
    for (model, given, subject) in [
        (&grey, &unit(640, 640), "image sizes"),
        (&grey, &colour, "image colours"),
        (&colour, &bgr, "image colours"),
        (&pil, &kernel(Resampling::OpenCvLinear, &grey), "resampling kernels"),
        (&plain(&grey), &grey, "value ranges"),
        (&grey, &ImageSpec { normalisation: other, ..grey.clone() }, "value ranges"),
        (&single, &colour, "image colours"),
        // One channel was standardised with one mean, and cannot stand for three.
        (&grey, &single, "value ranges"),
        // Each channel has its own mean: replicated grey in the other order is not the same input.
        (&bgr, &grey, "value ranges"),
    ] {
        match model.accepts(given).unwrap_err() {
            Error::Mismatch { subject: found, left, right } => {
                let both = (format!("the model wants {model}"), format!("the input is {given}"));
                assert_eq!((found.as_str(), (left, right)), (subject, both));
            }
            error => panic!("{error}"),
        }
    }
}

#[test]
fn prepared_input_has_channels_first_and_is_standardised_once() {
    let pixel = Image::rgb(1, 1, vec![0, 128, 255]).unwrap();
    for channel_order in [ChannelOrder::Rgb, ChannelOrder::Bgr] {
        let given = ImageSpec { channel_order, ..unit(1, 1) };
        let wanted = ImageSpec { normalisation: Normalisation::IMAGENET, ..given.clone() };
        let standardised =
            wanted.prepare(&wanted, &batch(std::slice::from_ref(&pixel), &wanted), &Device::Cpu).unwrap();
        let raw = wanted.prepare(&given, &batch(std::slice::from_ref(&pixel), &given), &Device::Cpu).unwrap();
        assert_eq!(raw.dims(), [1, 3, 1, 1]);
        assert_eq!(raw.flat(), standardised.flat());
    }
    let wide = unit(2, 1);
    let image = Image::rgb(2, 1, vec![0, 51, 102, 153, 204, 255]).unwrap();
    let xs = wide.prepare(&wide, &batch(&[image], &wide), &Device::Cpu).unwrap();
    assert_eq!(xs.flat(), [0.0, 0.6, 0.2, 0.8, 0.4, 1.0]);
    // One channel made three, and three made one.
    let (one, three) = (ImageSpec { colours: Colours::Grey, ..wide.clone() }, wide.clone());
    let level = Tensor::from_vec(vec![0.2f32, 0.4], (1, 1, 2, 1), &Device::Cpu).unwrap();
    assert_eq!(three.prepare(&one, &level, &Device::Cpu).unwrap().flat(), [0.2, 0.4, 0.2, 0.4, 0.2, 0.4]);
    let replicated = ImageSpec { colours: Colours::GreyReplicated, ..wide.clone() };
    let levels = Tensor::from_vec(vec![0.2f32, 0.2, 0.2, 0.4, 0.4, 0.4], (1, 1, 2, 3), &Device::Cpu).unwrap();
    let standardised =
        ImageSpec { normalisation: Normalisation::MeanStd { mean: [0.2; 3], std: [0.1; 3] }, ..one.clone() };
    let xs = standardised.prepare(&replicated, &levels, &Device::Cpu).unwrap();
    assert_eq!(xs.dims(), [1, 1, 1, 2]);
    assert!(xs.flat().iter().zip([0.0, 2.0]).all(|(x, expected)| (x - expected).abs() < 1e-6), "{:?}", xs.flat());
    let wrong = Tensor::zeros((1, 2, 1, 3), DType::F32, &Device::Cpu).unwrap();
    assert!(matches!(wide.prepare(&wide, &wrong, &Device::Cpu), Err(Error::Argument { .. })));
    let integers = Tensor::zeros((1, 1, 2, 3), DType::U8, &Device::Cpu).unwrap();
    assert!(matches!(wide.prepare(&wide, &integers, &Device::Cpu), Err(Error::Argument { .. })));
}

#[test]
fn an_adapted_model_converts_order_range_and_size() {
    let file = "chest_xray/test/PNEUMONIA/person1_virus_7.jpeg";
    let expected = CLASSIFIER.classify(&sample(file)).unwrap();
    let score = |given: ImageSpec, image: &Image| {
        let adapted = Adapted::new(CLASSIFIER.clone(), given.clone(), Resampling::PilBilinear);
        assert_eq!(adapted.input(), &given);
        assert_eq!(adapted.classes(), CLASSIFIER.classes());
        let xs = given.prepare(&given, &batch(std::slice::from_ref(image), &given), &Device::Cpu).unwrap();
        adapted.forward(&xs).unwrap().latent.flat()
    };
    // Same size: order and range alone change nothing but the rounding.
    for (channel_order, normalisation) in [
        (ChannelOrder::Bgr, Normalisation::UnitRange),
        (ChannelOrder::Bgr, Normalisation::IMAGENET),
        (ChannelOrder::Rgb, Normalisation::MeanStd { mean: [0.5; 3], std: [0.25; 3] }),
    ] {
        let given = ImageSpec { channel_order, normalisation, ..unit(224, 224) };
        assert_close(&score(given, &sample(file)), &expected.latent, 1e-3, "order and range");
    }
    // A colour picture is what its grey version is.
    let bytes = (0..64 * 64 * 3).map(|i| (i * 7 % 251) as u8).collect();
    let colour = Image::rgb(64, 64, bytes).unwrap().resize(224, 224, Resampling::PilBilinear).unwrap();
    let given = ImageSpec { channel_order: ChannelOrder::Bgr, ..unit(224, 224) };
    let grey = CLASSIFIER.classify(&colour).unwrap();
    assert_close(&score(given, &colour), &grey.latent, 2e-2, "grey");
    // Doubled and halved again: close to the original.
    let large = sample(file).resize(448, 448, Resampling::PilBilinear).unwrap();
    let given = ImageSpec { channel_order: ChannelOrder::Bgr, ..unit(448, 448) };
    let through = CLASSIFIER.classify(&large).unwrap();
    assert_close(&score(given, &large), &through.latent, 2e-2, "size");
}
