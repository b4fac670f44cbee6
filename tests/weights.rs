//! Weights: files that say what they are, files of PyTorch, new heads, saving, and files that are not what they should be.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[allow(dead_code)] // the networks' tests use the rest
#[path = "networks/formula.rs"]
mod formula;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use leap_binder::Error;
use leap_binder::imaging::{Colours, ImageSpec, Normalisation};
use leap_binder::model::{
    Architecture, Card, Checkpoint, Classifier, Engine, Mode, Model, Network, Output, Weights, learned, save,
};
use proptest::prelude::*;
use safetensors::tensor::{Dtype, TensorView};

const CPU: Device = Device::Cpu;
const INPUT: &str = r#"{"side":224,"channels":3,"grey_replicated":true,"scale":"1/255"}"#;
const SOUND: [(&str, &str); 3] =
    [("architecture", "densenet121"), ("classes", r#"["NORMAL","PNEUMONIA"]"#), ("input", INPUT)];

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn flat(xs: &Tensor) -> Vec<f32> {
    xs.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// A small input without a pattern.
fn batch(side: usize) -> Tensor {
    let values: Vec<f32> = (0..3 * side * side).map(|i| (0.37 * i as f32).sin()).collect();
    Tensor::from_vec(values, (1, 3, side, side), &CPU).unwrap()
}

fn run(weights: &Weights) -> Output {
    weights.network(&CPU, DType::F32).unwrap().forward_t(&batch(64), Mode::Eval).unwrap()
}

fn card(classes: &[&str]) -> Card {
    Card::new(Architecture::DenseNet121, classes.iter().copied())
}

/// A safetensors file of f32 zeros.
fn file(metadata: &[(&str, &str)], tensors: &[(&str, &[usize])]) -> Vec<u8> {
    let zeros: Vec<_> = tensors.iter().map(|(_, shape)| vec![0u8; 4 * shape.iter().product::<usize>()]).collect();
    let views = tensors
        .iter()
        .zip(&zeros)
        .map(|((name, shape), data)| (name.to_string(), TensorView::new(Dtype::F32, shape.to_vec(), data).unwrap()));
    let metadata: HashMap<_, _> = metadata.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    safetensors::serialize(views, Some(metadata)).unwrap()
}

fn refusal(bytes: Vec<u8>) -> String {
    match Weights::from_bytes(bytes, "broken.safetensors").unwrap_err() {
        error @ Error::Weights { .. } => error.to_string(),
        error => panic!("{error}"),
    }
}

/// Saved by PyTorch: new keys in a zip archive, the keys of 2017 in the format of 2017, and a training script's checkpoint
/// of a `DataParallel` model. The logits are torchvision's, which loaded both styles.
#[test]
fn state_dicts_of_torchvision_score_as_there() {
    let folder = root("tests/fixtures/model/state_dicts");
    let golden: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("state_dicts.json")).unwrap()).unwrap();
    let expected: Vec<Vec<f32>> = serde_json::from_value(golden["logits"].clone()).unwrap();
    let expected = expected.concat();
    let xs = formula::batch(2, 3, 64, 64);
    for name in ["densenet201-new.pth", "densenet201-old.pth", "densenet201-checkpoint.pth"] {
        let card = Card::new(Architecture::DenseNet201, ["a", "b", "c"]);
        let weights = Weights::new(Checkpoint::open(folder.join(name)).unwrap(), card).unwrap();
        let found = flat(&weights.network(&CPU, DType::F32).unwrap().forward_t(&xs, Mode::Eval).unwrap().logits);
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-6, "{name}: {found} instead of {expected}");
        }
    }
}

#[test]
fn a_backbone_keeps_everything_but_its_head() {
    let folder = root("tests/fixtures/model/state_dicts");
    let checkpoint = || Checkpoint::open(folder.join("densenet201-old.pth")).unwrap();
    let two = || Card::new(Architecture::DenseNet201, ["NORMAL", "PNEUMONIA"]);
    // The file's head has three rows.
    let error = Weights::new(checkpoint(), two()).unwrap_err().to_string();
    assert!(error.contains("classifier.weight of shape [3, 1920] instead of [2, 1920]"), "{error}");

    let three = Weights::new(checkpoint(), Card::new(Architecture::DenseNet201, ["a", "b", "c"])).unwrap();
    let start = |seed| run(&Weights::load_backbone(checkpoint(), two(), seed).unwrap());
    let first = start(1);
    assert_eq!(flat(&first.latent), flat(&run(&three).latent));
    assert_eq!(first.logits.dims(), [1, 2]);
    assert_eq!(flat(&first.logits), flat(&start(1).logits));
    assert_ne!(flat(&first.logits), flat(&start(2).logits));
    // A head as wide as the file's is made anew all the same.
    let same = Weights::load_backbone(checkpoint(), three.card().clone(), 1).unwrap();
    assert_ne!(flat(&run(&same).logits), flat(&run(&three).logits));
}

#[test]
fn what_is_saved_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.safetensors");
    let metrics = BTreeMap::from([("balanced_accuracy".to_owned(), 0.5), ("auc".to_owned(), f64::NAN)]);
    let input = ImageSpec { width: 64, height: 96, colours: Colours::Grey, ..Architecture::DenseNet121.input() };
    let card = card(&["NORMAL", "PNEUMONIA"])
        .with_input(input)
        .with(Card::DATA, "somewhere, CC0")
        .with(Card::DATA_MANIFEST, "abc")
        .with_metrics(&metrics);
    let weights = Weights::random(card.clone(), 3).unwrap();
    let (network, variables) = weights.trainable(&CPU).unwrap();
    save(&path, &variables, &card, DType::F32).unwrap();
    let again = Weights::open(&path).unwrap();
    assert_eq!((again.classes(), again.input()), (weights.classes(), weights.input()));
    assert_eq!(again.provenance()[Card::DATA], "somewhere, CC0");
    assert_eq!(again.provenance()[Card::DATA_MANIFEST], "abc");
    assert_eq!(again.card().metrics(), BTreeMap::from([("balanced_accuracy".to_owned(), 0.5)]));
    assert!(again.provenance()[Card::MADE_BY].starts_with(concat!("leap-binder ", env!("CARGO_PKG_VERSION"))));
    let xs = batch(64).narrow(1, 0, 1).unwrap();
    let logits = |network: &dyn Network| flat(&network.forward_t(&xs, Mode::Eval).unwrap().logits);
    let expected = logits(network.as_ref());
    assert_eq!(logits(again.network(&CPU, DType::F32).unwrap().as_ref()), expected);

    for (dtype, tolerance) in [(DType::F16, 2e-3), (DType::BF16, 2e-2)] {
        save(&path, &variables, &card, dtype).unwrap();
        assert_eq!(Checkpoint::open(&path).unwrap().entry("classifier.bias").unwrap().dtype(), dtype);
        let found = logits(Weights::open(&path).unwrap().network(&CPU, DType::F32).unwrap().as_ref());
        let scale = expected.iter().fold(0f32, |scale, x| scale.max(x.abs()));
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() <= tolerance * scale, "{dtype:?}: {found} instead of {expected}");
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no part is left");
}

#[test]
fn a_failed_save_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let card = card(&["a", "b"]);
    let (_, variables) = Weights::random(card.clone(), 0).unwrap().trainable(&CPU).unwrap();
    let path = folder.path().join("mine.safetensors");
    std::fs::write(&path, b"older").unwrap();
    let three = self::card(&["a", "b", "c"]);
    let error = save(&path, &variables, &three, DType::F32).unwrap_err().to_string();
    assert!(error.contains("classifier.weight of shape [2, 1024] instead of [3, 1024]"), "{error}");
    assert!(matches!(save(&path, &variables, &card, DType::U8), Err(Error::Argument { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), b"older");
    let nowhere = folder.path().join("no/such/folder.safetensors");
    assert!(matches!(save(&nowhere, &variables, &card, DType::F32), Err(Error::Io { action: "write", .. })));
    assert!(matches!(save(folder.path(), &variables, &card, DType::F32), Err(Error::Io { .. })));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no part is left");
}

/// The variables are those that the network holds: a step moves what the classifier around it says.
#[test]
fn a_classifier_follows_the_training_of_its_network() {
    let card = card(&["a", "b"]).with_input(ImageSpec { width: 64, height: 64, ..Architecture::DenseNet121.input() });
    let weights = Weights::random(card.clone(), 5).unwrap();
    let (network, variables) = weights.trainable(&CPU).unwrap();
    let classifier = Classifier::around(network.into(), &card).unwrap();
    let count: usize = learned(&variables).iter().map(|(_, var)| var.elem_count()).sum();
    assert_eq!(count, classifier.parameters());
    let before = flat(&classifier.forward(&batch(64)).unwrap().logits);
    let xs = Tensor::cat(&[&batch(64), &batch(64)], 0).unwrap();
    let loss = classifier.forward_t(&xs, Mode::Train { seed: 0 }).unwrap().logits.get(0).unwrap().get(0).unwrap();
    let gradients = loss.backward().unwrap();
    for (name, var) in learned(&variables) {
        let gradient = gradients.get(&var).unwrap_or_else(|| panic!("{name} has no gradient"));
        var.set(&(var.as_tensor() - (gradient * 0.1).unwrap()).unwrap().detach()).unwrap();
    }
    assert_ne!(flat(&classifier.forward(&batch(64)).unwrap().logits), before);
    let other = self::card(&["a", "b", "c"]);
    let network = weights.network(&CPU, DType::F32).unwrap();
    assert!(matches!(Classifier::around(network.into(), &other), Err(Error::Mismatch { .. })));
}

#[test]
fn types_that_the_cpu_does_not_compute_in_are_refused() {
    let weights = Weights::random(card(&["a"]), 0).unwrap();
    for (engine, dtype) in [(Engine::Plain, DType::BF16), (Engine::Plain, DType::U8), (Engine::Fused, DType::U8)] {
        let error = Classifier::with_engine(&weights, &CPU, dtype, engine).unwrap_err();
        assert!(matches!(error, Error::Device { .. }), "{error}");
    }
    let wide = Classifier::new(&weights, &CPU).unwrap();
    let narrow = Classifier::with_dtype(&weights, &CPU, DType::F16).unwrap();
    let xs = batch(224);
    let (wide, narrow) = (wide.forward(&xs).unwrap(), narrow.forward(&xs).unwrap());
    assert_eq!(narrow.logits.dtype(), DType::F32);
    let scale = flat(&wide.latent).iter().fold(0f32, |scale, x| scale.max(*x));
    for (narrow, wide) in flat(&narrow.latent).iter().zip(flat(&wide.latent)) {
        assert!((narrow - wide).abs() <= 1e-2 * scale, "{narrow} instead of {wide}");
    }
}

#[test]
fn the_shipped_weights_say_what_they_are() {
    let weights = Weights::open(root("assets/weights/densenet201-kermany224-f16.safetensors")).unwrap();
    assert_eq!(weights.architecture(), Architecture::DenseNet201);
    assert_eq!(weights.classes(), ["NORMAL", "bacteria", "virus"]);
    assert_eq!(weights.input().colours, Colours::GreyReplicated);
    assert!(weights.provenance()["data"].contains("doi:10.17632/rscbjbr9sj.2"));
    assert_eq!(weights.provenance().len(), 1);
}

#[test]
fn missing_and_wrong_metadata_is_named() {
    let tensors: [(&str, &[usize]); 1] = [("classifier.bias", &[2])];
    for missing in ["architecture", "classes", "input"] {
        let rest: Vec<_> = SOUND.into_iter().filter(|(key, _)| *key != missing).collect();
        let message = refusal(file(&rest, &tensors));
        assert!(message.contains(&format!("metadata key {missing}")), "{message}");
    }
    for (key, value, named) in [
        ("architecture", "resnet9", "resnet9"),
        ("architecture", "resnet9", "densenet201"),
        ("classes", "NORMAL, PNEUMONIA", "metadata key classes"),
        ("classes", "[]", "at least one"),
        ("classes", r#"["a","b","a"]"#, "all different"),
        ("input", r#"{"side":224,"channels":2,"scale":"1/255"}"#, "expected 1 or 3 channels, found 2"),
        ("input", r#"{"side":31,"channels":3,"scale":"1/255"}"#, "31x31"),
    ] {
        let mut metadata = SOUND;
        metadata.iter_mut().find(|(k, _)| *k == key).unwrap().1 = value;
        let message = refusal(file(&metadata, &tensors));
        assert!(message.contains(named), "{message}");
    }
    assert!(matches!(Weights::open("no/such.safetensors"), Err(Error::Io { action: "read", .. })));
}

#[test]
fn all_wrong_tensors_are_listed() {
    let integers = [0u8; 64 * 8];
    let zeros = [0u8; 4 * 3 * 1024];
    let float = |shape: &[usize]| {
        let length = 4 * shape.iter().product::<usize>();
        TensorView::new(Dtype::F32, shape.to_vec(), &zeros[..length]).unwrap()
    };
    let views = [
        ("features.conv0.weight", float(&[8, 1, 7, 7])),
        ("classifier.weight", float(&[3, 1024])),
        ("features.norm0.bias", TensorView::new(Dtype::I64, vec![64], &integers).unwrap()),
        ("features.denseblock1.denselayer1.norm.1.bias", float(&[64])),
        ("features.denseblock1.denselayer1.norm1.bias", float(&[64])),
        ("features.norm0.num_batches_tracked", float(&[])),
        ("optimizer.step", float(&[1])),
    ];
    let metadata = SOUND.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    let message = refusal(safetensors::serialize(views, Some(metadata)).unwrap());
    for part in [
        "densenet121 with 3 channels and 2 classes (NORMAL, PNEUMONIA)",
        "features.conv0.weight of shape [8, 1, 7, 7] instead of [64, 3, 7, 7]",
        "classifier.weight of shape [3, 1024] instead of [2, 1024]",
        "no classifier.bias",
        "no features.norm0.running_var",
        "no features.denseblock4.denselayer16.conv2.weight",
        "features.norm0.bias of type I64",
        "both features.denseblock1.denselayer1.norm.1.bias and features.denseblock1.denselayer1.norm1.bias",
        "optimizer.step, which it does not have",
    ] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    // Every tensor of the state dict but `num_batches_tracked` and the sound one, the one that is there twice, the one
    // too many.
    assert_eq!(message.matches("; ").count() + 1, 606 - 1 + 2);
}

#[test]
fn values_that_cannot_be_weights_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.safetensors");
    let card = card(&["a", "b"]);
    let (_, variables) = Weights::random(card.clone(), 0).unwrap().trainable(&CPU).unwrap();
    save(&path, &variables, &card, DType::F32).unwrap();
    let sound = std::fs::read(&path).unwrap();
    let set = |name: &str, value: f32| {
        let var = variables.data().lock().unwrap()[name].clone();
        var.set(&Tensor::full(value, var.shape(), &CPU).unwrap()).unwrap();
    };
    // Beyond f16, and nothing is overwritten.
    set("features.norm5.running_var", 1e5);
    let error = save(&path, &variables, &card, DType::F16).unwrap_err().to_string();
    assert!(error.contains("features.norm5.running_var with values that are not finite in f16"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), sound);

    set("classifier.bias", f32::NAN);
    set("features.conv0.weight", f32::INFINITY);
    set("features.norm0.running_var", -1.0);
    let parts = [
        "broken.safetensors",
        "classifier.bias with values that are not finite in f32",
        "features.conv0.weight with values that are not finite in f32",
        "features.norm0.running_var with -1",
    ];
    let error = save(&path, &variables, &card, DType::F32).unwrap_err();
    // Such a file of another program is told when the network is built.
    let tensors: HashMap<String, Tensor> =
        variables.data().lock().unwrap().iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect();
    std::fs::write(&path, safetensors::serialize(&tensors, None).unwrap()).unwrap();
    let weights = Weights::new(Checkpoint::open(&path).unwrap(), card).unwrap();
    let built = weights.network(&CPU, DType::F32).map(drop).unwrap_err();
    for error in [error, built, weights.trainable(&CPU).map(drop).unwrap_err()] {
        let message = error.to_string();
        assert!(matches!(error, Error::Weights { .. }), "{message}");
        for part in parts {
            assert!(message.contains(part), "{part} is not in {message}");
        }
    }
}

#[test]
fn equal_weights_are_saved_as_equal_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let card = card(&["a", "b"]).with("z", "1").with("y", "\"quoted\"").with(Card::MADE_BY, "somebody else");
    let (_, variables) = Weights::random(card.clone(), 0).unwrap().trainable(&CPU).unwrap();
    let bytes = ["one", "two"].map(|name| {
        save(folder.path().join(name), &variables, &card, DType::F16).unwrap();
        std::fs::read(folder.path().join(name)).unwrap()
    });
    assert!(bytes[0] == bytes[1]);
    // As the format's own reader sees it.
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes[0]).unwrap();
    let metadata = header.metadata().clone().unwrap();
    assert_eq!(metadata["y"], "\"quoted\"");
    assert!(metadata[Card::MADE_BY].starts_with("leap-binder "));
    let read = safetensors::SafeTensors::deserialize(&bytes[0]).unwrap();
    let bias = read.tensor("features.norm0.weight").unwrap();
    assert_eq!((bias.dtype(), bias.shape(), &bias.data()[..2]), (Dtype::F16, &[64][..], &[0x00, 0x3c][..]));
}

/// A head of another library's, or of somebody's own, does not keep the backbone from being taken.
#[test]
fn foreign_heads_and_prefixes_are_left_behind() {
    let folder = root("tests/fixtures/model/state_dicts");
    let checkpoint = Checkpoint::open(folder.join("densenet201-new.pth")).unwrap();
    let two = || Card::new(Architecture::DenseNet201, ["a", "b"]);
    let foreign = checkpoint
        .renamed(|name| Some(name.replace("classifier.weight", "fc.1.weight").replace("classifier.bias", "heads.bias")))
        .unwrap();
    let expected = run(&Weights::load_backbone(checkpoint.clone(), two(), 1).unwrap());
    let found = run(&Weights::load_backbone(foreign.clone(), two(), 1).unwrap());
    assert_eq!(flat(&found.logits), flat(&expected.logits));
    assert!(Weights::new(foreign, two()).unwrap_err().to_string().contains("fc.1.weight, which it does not have"));
    // A prefix that is not known, beside a tensor of something else.
    let wrapped = checkpoint.renamed(|name| Some(format!("densenet201.{name}"))).unwrap();
    assert!(Weights::load_backbone(wrapped.clone(), two(), 1).is_err());
    let unwrapped = wrapped.renamed(|name| name.strip_prefix("densenet201.").map(str::to_owned)).unwrap();
    assert_eq!(flat(&run(&Weights::load_backbone(unwrapped, two(), 1).unwrap()).logits), flat(&expected.logits));
    assert!(checkpoint.renamed(|_| Some("one".to_owned())).unwrap_err().to_string().contains("one"));
    assert!(checkpoint.renamed(|_| None).is_err());
}

#[test]
fn a_card_fits_its_architecture() {
    let card = card(&["a"]);
    assert_eq!(card.input.normalisation, Normalisation::IMAGENET);
    let small = card.clone().with_input(ImageSpec { width: 16, ..card.input.clone() });
    let error = Weights::random(small, 0).unwrap_err().to_string();
    assert!(error.contains("densenet121") && error.contains("16x224"), "{error}");
    assert!(Weights::random(Card { classes: Vec::new(), ..card.clone() }, 0).is_err());
    let detector = Card::new("yolov8n".parse().unwrap(), ["a"]);
    assert!(Weights::random(detector.clone(), 0).is_ok());
    let odd = detector.clone().with_input(ImageSpec { width: 100, ..detector.input });
    let error = Weights::random(odd, 0).unwrap_err().to_string();
    assert!(error.contains("multiples of 32") && error.contains("100x640"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens to the bytes of a file, reading it ends in an error and not in a panic.
    #[test]
    fn damaged_files_are_refused_without_a_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = file(&SOUND, &[("classifier.bias", &[2]), ("features.norm0.weight", &[64])]);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let refused = |bytes: &[u8]| matches!(Weights::from_bytes(bytes.to_vec(), "damaged"), Err(Error::Weights { .. }));
        prop_assert!(refused(&bytes));
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(refused(&bytes));
    }
}
