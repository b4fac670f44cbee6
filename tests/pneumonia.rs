//! The chest X-ray binder against the Python reference, the shipped sample's index and folders gone wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use DataState::{Test, Training, Validation};
use leap_binder::Error;
use leap_binder::binder::{Binder, EncodedSample};
use leap_binder::check::{CheckOptions, FunctionReport, check_with};
use leap_binder::contract::{Code, DataState, Dataset, LeapHorizontalBar, SampleId, Visualization};
use leap_binder::imaging::ChannelOrder::{Bgr, Rgb};
use leap_binder::imaging::Normalisation::{MeanStd, UnitRange};
use leap_binder::imaging::decode;
use leap_binder::pneumonia::{ChestXrays, Classes, Config, binder, shipped};
use rayon::prelude::*;
use serde_json::Value;
use tempfile::TempDir;

/// A small colour image.
const TINY: &[u8] = include_bytes!("fixtures/imaging/formats/colour.jpeg");
/// One X-ray of each class in each split.
const REFERENCE: [&str; 9] = [
    "train/NORMAL/IM-0001-0001.jpeg",
    "train/bacteria/person1_bacteria_1.jpeg",
    "train/virus/person2_virus_1.jpeg",
    "val/NORMAL/IM-0002-0001.jpeg",
    "val/bacteria/person3_bacteria_1.jpeg",
    "val/virus/person4_virus_1.jpeg",
    "test/NORMAL/IM-0003-0001.jpeg",
    "test/bacteria/person5_bacteria_1.jpeg",
    "test/virus/person6_virus_1.jpeg",
];

/// A file of [`REFERENCE`] in the layout of Kaggle.
fn kaggle(file: &str) -> String {
    file.replace("bacteria/", "PNEUMONIA/").replace("virus/", "PNEUMONIA/")
}

fn write(root: &Path, relative: &str, bytes: &[u8]) -> PathBuf {
    let path = root.join(relative);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

fn folder<S: AsRef<str>>(files: impl IntoIterator<Item = S>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    files.into_iter().for_each(|file| drop(write(folder.path(), file.as_ref(), TINY)));
    folder
}

fn open(folder: &TempDir, classes: Classes) -> ChestXrays {
    ChestXrays::open(folder.path(), Config { classes, ..Config::default() }).unwrap()
}

fn listed(data: &ChestXrays) -> Vec<(DataState, String)> {
    let subsets = data.subsets().iter();
    subsets.flat_map(|subset| subset.sample_ids.iter().map(|id| (subset.state, id.to_string()))).collect()
}

fn ids(data: &ChestXrays, state: DataState) -> Vec<String> {
    listed(data).into_iter().filter(|(of, _)| *of == state).map(|(_, id)| id).collect()
}

fn file_name(path: &str) -> String {
    path.rsplit('/').next().unwrap().to_owned()
}

fn pixels(sample: &EncodedSample) -> Vec<f32> {
    sample.inputs[0].flatten_all().unwrap().to_vec1().unwrap()
}

/// A metadata column's value as text, which tells every number exactly.
fn column(sample: &EncodedSample, name: &str) -> String {
    sample.metadata.iter().find(|(column, _)| column == name).unwrap().1.to_string()
}

fn counts(sample: &EncodedSample) -> Vec<i64> {
    (0..256).map(|level| column(sample, &format!("pixels_count_{level}")).parse().unwrap()).collect()
}

fn histogram(binder: &Binder<ChestXrays>, sample: &EncodedSample) -> LeapHorizontalBar {
    let payload = binder
        .run_visualizer("pixels_histogram", DataState::Training, &SampleId::from("any"), &[&sample.inputs[0]])
        .unwrap();
    let Visualization::HorizontalBar(bars) = payload else { panic!("{payload:?}") };
    bars
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

/// The images of a fixture by file name.
fn golden(name: &str) -> BTreeMap<String, Value> {
    let golden: Value = serde_json::from_slice(&fixture(name)).unwrap();
    golden["images"].as_object().unwrap().iter().map(|(path, image)| (file_name(path), image.clone())).collect()
}

/// A golden image's place in the reference's layout; each split but validation has all classes.
fn place(name: &str) -> String {
    let class = ["bacteria", "virus"].into_iter().find(|class| name.contains(class)).unwrap_or("NORMAL");
    let split = match name {
        "IM-0001-0001.jpeg" | "person1_virus_7.png" | "person466_bacteria_1984.jpeg" => "test",
        "person1946_bacteria_4874.png" => "val",
        _ => "train",
    };
    format!("{split}/{class}/{name}")
}

#[test]
fn every_number_is_the_references() {
    let exact = |text: &str| text.parse::<f64>().unwrap();
    let (samples, shown) = (golden("imaging/samples.json"), golden("pneumonia/histograms.json"));
    let folder = tempfile::tempdir().unwrap();
    for name in samples.keys() {
        write(folder.path(), &place(name), &fixture(&format!("imaging/samples/{name}")));
    }
    let binder = binder(ChestXrays::open(folder.path(), Config::reference()).unwrap()).unwrap();
    assert_eq!((listed(binder.dataset()).len(), shown.len()), (20, 10));
    for (state, id) in listed(binder.dataset()) {
        let name = file_name(&id);
        let sample = binder.get_sample(state, &SampleId::from(&*id)).unwrap();
        let label = ["NORMAL", "bacteria", "virus"].iter().position(|class| id.contains(class)).unwrap();
        let one_hot = [0, 1, 2].map(|class| if class == label { 1.0 } else { 0.0 });
        assert_eq!(sample.ground_truths[0].to_vec1::<f32>().unwrap(), one_hot, "{id}");
        assert_eq!(column(&sample, "gt_label"), label.to_string(), "{id}");
        assert_eq!(column(&sample, "gt_name"), id.split('/').nth(1).unwrap(), "{id}");
        assert_eq!(sample.inputs[0].dims(), [640, 640, 3]);
        let reference = &samples[&name]["reference"];
        let expected: Vec<i64> = serde_json::from_value(reference["counts"].clone()).unwrap();
        let found = counts(&sample);
        let statistics = ["mean", "std"]
            .map(|key| (exact(&column(&sample, &format!("image_{key}"))), exact(reference[key].as_str().unwrap())));
        let Some(bars) = shown.get(&name) else {
            // Decoders of JPEG differ by one level in some pixels.
            let moved: i64 = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).sum();
            assert!(moved as f64 / f64::from(2 * 640 * 640) < 0.005, "{id}: {moved} pixels moved");
            assert!(statistics.iter().all(|(found, expected)| (found - expected).abs() < 0.02), "{id}: {statistics:?}");
            continue;
        };
        assert_eq!(found, expected, "{id}");
        assert_eq!(column(&sample, "number_of_black_pixels"), expected[0].to_string(), "{id}");
        assert!(statistics.iter().all(|(found, expected)| found == expected), "{id}: {statistics:?}");
        let sum: f64 = pixels(&sample).into_iter().map(f64::from).sum();
        assert_eq!(sum, exact(samples[&name]["encoded_sum_f64"].as_str().unwrap()), "{id}");
        let levels: Vec<f32> = serde_json::from_value(bars["values"].clone()).unwrap();
        let labels = bars["counts"].as_array().unwrap().iter().map(|count| format!("{count}.0"));
        assert_eq!(histogram(&binder, &sample), LeapHorizontalBar::new(levels, labels), "{id}");
    }
}

#[test]
fn the_shipped_sample_holds_what_its_index_says() {
    let data = ChestXrays::open(shipped::sample(), Config::default()).unwrap();
    assert!(data.rejected().is_empty() && data.ignored().is_empty());
    assert_eq!([Training, Validation, Test].map(|state| ids(&data, state).len()), [150, 16, 624]);
    let rows = csv::Reader::from_path(shipped::sample().join("index.csv")).unwrap().into_records().map(Result::unwrap);
    let index: BTreeMap<String, _> = rows.map(|row| (row[3].replacen("chest_xray/", "", 1), row)).collect();
    let listed = listed(&data);
    assert_eq!(listed.len(), index.len());
    assert!(listed.iter().map(|(_, id)| id).collect::<BTreeSet<_>>().into_iter().eq(index.keys()));
    let classes = listed.par_iter().map(|(state, id)| {
        let sample = SampleId::from(&**id);
        let expected = [("file", &**id), ("patient", &index[id][2])].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(data.attributes(&sample, *state), expected);
        let found = data.load(&sample, *state).unwrap().class;
        assert_eq!(Classes::Three.labels()[found], &index[id][1], "{id}");
        (*state, found)
    });
    let classes: Vec<(DataState, usize)> = classes.collect();
    let in_test = |class| classes.iter().filter(|found| **found == (Test, class)).count();
    assert_eq!([0, 1, 2].map(in_test), [234, 242, 148]);
}

#[test]
fn a_sample_is_grey_and_counted_and_the_same_each_time() {
    let binder = binder(ChestXrays::open(shipped::sample(), Config::default()).unwrap()).unwrap();
    let id = SampleId::from("test/PNEUMONIA/person1_virus_6.jpeg");
    let sample = binder.get_sample(Test, &id).unwrap();
    assert_eq!(sample.inputs[0].dims(), [224, 224, 3]);
    assert!(pixels(&sample).chunks_exact(3).all(|pixel| pixel == [pixel[0]; 3] && (0.0..=1.0).contains(&pixel[0])));
    assert_eq!(counts(&sample).iter().sum::<i64>(), 224 * 224);
    assert_eq!(column(&sample, "gt_name"), "virus");
    assert_eq!(sample.ground_truths[0].to_vec1::<f32>().unwrap(), [0.0, 0.0, 1.0]);
    let [a, b] = [0, 1].map(|_| binder.dataset().load(&id, Test).unwrap());
    assert_eq!((a.image, a.grey, a.class), (b.image, b.grey, b.class));
    for id in [SampleId::from(7), "train/NORMAL/elsewhere.jpeg".into(), "../index.csv".into(), "".into()] {
        let Err(Error::Contract(violation)) = binder.get_sample(Training, &id) else { panic!("{id}") };
        assert_eq!(violation.code, Code::LoadFailed);
        assert!(violation.to_string().contains(&format!("no X-ray {id} was listed")), "{violation}");
    }
}

#[test]
fn every_layout_gives_its_labels_in_order() {
    let layouts = [("", false), ("", true), ("chest_xray/", true), ("chest_xray/chest_xray/", true)];
    for ((prefix, nested), classes) in layouts.into_iter().flat_map(|l| [(l, Classes::Three), (l, Classes::Binary)]) {
        let files = REFERENCE.map(|file| if nested { kaggle(file) } else { file.to_owned() });
        let folder = folder(files.iter().map(|file| format!("{prefix}{file}")));
        let binder = binder(open(&folder, classes)).unwrap();
        assert_eq!(binder.dataset().root(), folder.path().join(prefix));
        let (order, labels) = match classes {
            Classes::Three => ([0, 1, 2], ["NORMAL", "bacteria", "virus"]),
            Classes::Binary => ([0, 2, 1], ["NORMAL", "PNEUMONIA", "PNEUMONIA"]),
        };
        let known = &binder.predictions()[0].labels;
        for (split, state) in [Training, Validation, Test].into_iter().enumerate() {
            let found = ids(binder.dataset(), state);
            assert_eq!(found, order.map(|class| files[3 * split + class].clone()), "{classes:?}");
            for (id, label) in found.into_iter().zip(labels) {
                let sample = binder.get_sample(state, &id.into()).unwrap();
                assert_eq!(column(&sample, "gt_name"), label);
                let truth = sample.ground_truths[0].to_vec1::<f32>().unwrap();
                assert!(truth.into_iter().eq(known.iter().map(|known| f32::from(u8::from(known == label)))));
            }
        }
    }
}

#[test]
fn without_val_a_tenth_of_the_patients_is_validation() {
    // 21 patients with two or three images each: a tenth, rounded up, is 3.
    let normal = (0..10).flat_map(|n| [1, 2].map(|image| (format!("train/NORMAL/IM-{n:04}-000{image}.jpeg"), n)));
    let causes = ["virus_1", "virus_2", "bacteria_3"];
    let ill = (0..11).flat_map(|n| causes.map(|cause| (format!("train/PNEUMONIA/person{n}_{cause}.jpeg"), 10 + n)));
    let patients: BTreeMap<String, usize> = normal.chain(ill).collect();
    let folder = folder(patients.keys());
    let split = |validation_seed| {
        let data = ChestXrays::open(folder.path(), Config { validation_seed, ..Config::default() }).unwrap();
        [Training, Validation].map(|state| ids(&data, state))
    };
    for seed in 0..5 {
        let both = split(seed);
        assert_eq!(split(seed), both);
        assert!(both.concat().into_iter().collect::<BTreeSet<_>>().iter().eq(patients.keys()));
        let [training, validation] = both.map(|ids| ids.iter().map(|id| patients[id]).collect::<BTreeSet<_>>());
        assert_eq!((training.len(), validation.len()), (18, 3));
        assert!(training.is_disjoint(&validation));
    }
    assert!((1..5).any(|seed| split(seed) != split(0)));
}

#[test]
fn what_is_no_xray_is_named_and_left_out() {
    let folder = folder(REFERENCE.map(kaggle));
    let faulty = [
        ("train/NORMAL/IM-0000-0001.jpeg", &b""[..], "an empty file (0 bytes)"),
        ("train/NORMAL/IM-0000-0002.jpeg", b"<html>", "text that begins with \"<html>\""),
        ("val/NORMAL/more", b"", "a folder"),
        ("test/PNEUMONIA/person9.jpeg", TINY, "\"bacteria\" or \"virus\" in the name"),
    ];
    write(folder.path(), "val/NORMAL/more/IM-0009-0001.jpeg", TINY);
    [0, 1, 3].into_iter().for_each(|place| drop(write(folder.path(), faulty[place].0, faulty[place].1)));
    let hidden = ["train/NORMAL/.DS_Store", "val/PNEUMONIA/Thumbs.db"].map(|file| write(folder.path(), file, b"x"));
    for (classes, expected) in [(Classes::Three, &faulty[..]), (Classes::Binary, &faulty[..3])] {
        let data = open(&folder, classes);
        assert_eq!(data.ignored(), hidden);
        assert_eq!((listed(&data).len(), data.rejected().len()), (13 - expected.len(), expected.len()));
        for (file, _, reason) in expected {
            let path = folder.path().join(file).display().to_string();
            let named = |error: &&Error| error.to_string().contains(&path) && error.to_string().contains(reason);
            assert_eq!(data.rejected().iter().filter(named).count(), 1, "{file}: {:?}", data.rejected());
            assert!(listed(&data).iter().all(|(_, id)| !id.starts_with(file)), "{file}");
        }
    }
}

#[test]
fn a_folder_of_another_layout_is_refused_by_path() {
    let without = |gone: &str| folder(REFERENCE.into_iter().filter(|file| !file.starts_with(gone)));
    let unusable = without("test/virus");
    write(unusable.path(), "test/virus/person6_virus_1.jpeg", b"");
    let untested = folder(REFERENCE.map(kaggle).into_iter().filter(|file| !file.starts_with("test/NORMAL")));
    let alone = folder(
        ["NORMAL/person1_1", "PNEUMONIA/person1_virus_1", "PNEUMONIA/person1_bacteria_2"]
            .map(|name| format!("train/{name}.jpeg")),
    );
    for (folder, below, at, expected, found) in [
        (folder([""; 0]), "nowhere", "nowhere", "{train,val,test}/{NORMAL,PNEUMONIA}", "no such folder"),
        (folder([""; 0]), "", "", "{train,val,test}/{NORMAL,bacteria,virus}", "an empty folder"),
        (folder(["train/notes/a.jpeg"]), "", "", "{train,val,test}", "notes"),
        (folder(["a/train/NORMAL/a.jpeg"]), "", "", "chest_xray/chest_xray/", "1 entries (a)"),
        (without("train/bacteria"), "", "train", "a folder bacteria", "NORMAL, virus"),
        (untested, "", "test", "a folder NORMAL", "PNEUMONIA"),
        (unusable, "", "test/virus", "one usable", "person6_virus_1.jpeg"),
        (alone, "", "train", "two patients", "1 patient"),
    ] {
        let error = ChestXrays::open(folder.path().join(below), Config::default()).unwrap_err();
        let (text, path) = (error.to_string(), folder.path().join(at));
        assert!(matches!(&error, Error::Folder { path: found, .. } if *found == path), "{text}");
        let (before, after) = text.split_once(", found ").unwrap();
        assert!(before.contains(&*path.to_string_lossy()), "{text}");
        assert!(before.contains(expected) && after.contains(found), "{text}");
    }
    // The official validation images show no virus.
    for gone in ["val/virus", "test/bacteria"] {
        let folder = without(gone);
        assert_eq!(open(&folder, Classes::Three).absent(), [folder.path().join(gone)]);
    }
}

#[test]
fn a_damaged_image_is_found_where_it_is_read() {
    let folder = folder(REFERENCE);
    let path = write(folder.path(), "test/NORMAL/IM-0000-0001.jpeg", &TINY[..TINY.len() / 2]);
    let binder = binder(open(&folder, Classes::Three)).unwrap();
    assert!(binder.dataset().rejected().is_empty());
    let error = binder.get_sample(Test, &"test/NORMAL/IM-0000-0001.jpeg".into()).unwrap_err();
    let (Error::Contract(violation), text) = (&error, error.to_string()) else { panic!("{error}") };
    assert_eq!(violation.code.as_str(), "BND-201");
    assert!(text.contains(&*path.to_string_lossy()) && text.contains("cut short"), "{text}");
    let report = check_with(&binder, &CheckOptions::strict(), &());
    let failed: Vec<_> = report.functions.iter().flat_map(FunctionReport::failures).collect();
    let [failure] = failed[..] else { panic!("{failed:?}") };
    assert_eq!((failure.code, &*failure.function, failure.subset), ("BND-201", "load", Some(DataState::Test)));
    assert!(failure.message.contains(&*path.to_string_lossy()), "{}", failure.message);
}

#[test]
fn options_that_cannot_work_are_refused() {
    let std = |std| Config { normalisation: MeanStd { mean: [0.5; 3], std }, ..Config::default() };
    let side = |side| Config { side, ..Config::default() };
    let stds = [0.0, -1.0, f32::NAN, f32::INFINITY].map(|bad| (std([1.0, bad, 1.0]), "normalisation.std"));
    for (config, expected) in [0, 31, 4097, 5000].map(|pixels| (side(pixels), "side")).into_iter().chain(stds) {
        let Err(Error::Config { option, .. }) = config.validate() else { panic!("{config:?}") };
        assert_eq!(option, expected);
        assert!(matches!(ChestXrays::open(shipped::sample(), config), Err(Error::Config { .. })));
    }
    assert!([side(32), side(4096), std([0.1; 3]), Config::reference()].iter().all(|fine| fine.validate().is_ok()));
}

#[test]
fn the_histogram_does_not_depend_on_the_encoding() {
    let folder = folder(REFERENCE);
    let mean_std = MeanStd { mean: [0.1, 0.5, 0.9], std: [0.5, 0.1, 0.3] };
    for grey in [true, false] {
        let image = decode(TINY, "tiny").unwrap();
        let image = if grey { image.to_grey().to_rgb() } else { image };
        let image = image.resize(48, 48, Config::default().resampling).unwrap();
        let count = |level: u8| image.as_bytes().iter().filter(|&&value| value == level).count();
        let mut levels: Vec<(usize, u8)> = (0..=255).map(|level| (count(level), level)).collect();
        levels.sort_by(|a, b| b.cmp(a));
        for (channel_order, normalisation) in [(Rgb, UnitRange), (Bgr, UnitRange), (Rgb, mean_std), (Bgr, mean_std)] {
            let config = Config { side: 48, grey, channel_order, normalisation, ..Config::default() };
            let binder = binder(ChestXrays::open(folder.path(), config).unwrap()).unwrap();
            let bars = histogram(&binder, &binder.get_sample(Test, &REFERENCE[6].into()).unwrap());
            let found = bars.body().iter().zip(bars.labels()).map(|(&level, label)| (label.clone(), level as u8));
            let expected = levels[..30].iter().map(|(count, level)| (format!("{count}.0"), *level));
            assert!(found.eq(expected), "{channel_order:?} {normalisation:?}: {bars:?}");
        }
    }
}
