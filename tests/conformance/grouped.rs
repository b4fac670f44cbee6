//! Samples that are loaded in groups.

use leap_binder::Binder;
use leap_binder::binder::BinderBuilder;
use leap_binder::check::check;
use leap_binder::contract::{Code, DataState, Dataset, HandlerResult, Metadata, MetadataValue, SampleId, Subset};
use serde_json::json;

use crate::support::{Calls, Data, filled, over, says, split, violates};
use crate::verdict::{Verdict, probe, raw_result};

/// Groups of letters; a sample knows its place in what was loaded with it.
struct Groups {
    calls: Calls,
    /// Samples that are lost from every load.
    lost: usize,
}

struct Letter {
    id: SampleId,
    place: usize,
    group: usize,
}

impl Dataset for Groups {
    type Sample = Letter;

    fn preprocess(&self) -> HandlerResult<Vec<Subset>> {
        Ok(vec![
            Subset::grouped(DataState::Training, [vec!["a", "b"], vec!["c"]])?,
            Subset::grouped(DataState::Validation, [vec!["d"], vec!["e", "f", "g"]])?,
        ])
    }

    fn load(&self, id: &SampleId, state: DataState) -> HandlerResult<Letter> {
        let sample = self.load_group(std::slice::from_ref(id), state)?.pop();
        sample.ok_or_else(|| "no sample".into())
    }

    fn load_group(&self, ids: &[SampleId], _: DataState) -> HandlerResult<Vec<Letter>> {
        self.calls.note(json!(ids));
        let letters = ids.iter().enumerate().map(|(place, id)| Letter { id: id.clone(), place, group: ids.len() });
        Ok(letters.skip(self.lost).collect())
    }
}

fn letters(calls: &Calls, lost: usize) -> BinderBuilder<Groups> {
    let code = |letter: &Letter| f32::from(letter.id.to_string().as_bytes()[0]);
    Binder::builder(Groups { calls: calls.clone(), lost })
        .input("x", move |letter| Ok(filled(&[2, 2], code(letter))))
        .ground_truth("y", |letter| Ok(filled(&[letter.place + 1], letter.place as f32)))
        .metadata("m", |letter| {
            let size = MetadataValue::from(letter.group as i64);
            Ok(Metadata::map([("len", size), ("id", letter.id.to_string().into())]))
        })
}

/// Same: GRP-001, GRP-002, GRP-003, GRP-005, GRP-006, GRP-011.
///
/// Grouped samples are loaded together and encoded one by one, so the first sample of each first group is what the check
/// sees; code_loader encodes the group and keeps its first value.
#[test]
fn c018_grouped_valid() {
    let case = "c018_grouped_valid";
    let calls = Calls::default();
    let binder = letters(&calls, 0).build().unwrap();
    let verdict = Verdict::of(case);
    let report = check(&binder);
    verdict.holds(&report);
    let calls_of = |name: &str| probe(case, name).as_array().unwrap().iter().map(|v| v.to_string()).collect::<Vec<_>>();
    assert_eq!(calls.all(), calls_of("calls made by the check"));

    let validation = &binder.subsets().unwrap()[1];
    let single = binder.get_sample(DataState::Validation, &"f".into()).unwrap();
    assert_eq!(calls.all().last().unwrap(), r#"["f"]"#);
    let recorded = probe(case, "get_sample of one id");
    raw_result("one", &tensor(&single.inputs[0]), &recorded["inputs"]["x"]);
    raw_result("one", &tensor(&single.ground_truths[0]), &recorded["gt"]["y"]);

    let ids: Vec<SampleId> = ["e", "f", "g"].map(SampleId::from).into();
    let samples = binder.get_samples(validation, &ids, None).unwrap();
    assert_eq!(calls.all().last().unwrap(), r#"["e","f","g"]"#);
    let recorded = probe(case, "get_samples of a whole group");
    for (place, sample) in samples.iter().enumerate() {
        raw_result("group", &tensor(&sample.inputs[0]), &recorded["inputs"]["x"][place]);
        raw_result("group", &tensor(&sample.ground_truths[0]), &recorded["gt"]["y"][place]);
        assert_eq!(json!(sample.metadata[0].1), json!(recorded["metadata"]["m_len"][place].as_f64().unwrap() as i64));
        assert_eq!(json!(sample.metadata[1].1), recorded["metadata"]["m_id"][place]);
    }

    let training = &binder.subsets().unwrap()[0];
    let ids = |ids: &[&str]| ids.iter().map(|&id| id.into()).collect::<Vec<SampleId>>();
    says(binder.get_samples(training, &ids(&["a", "c"]), None), "spanning 2 groups");
    says(binder.get_samples(training, &ids(&["zz"]), None), "zz");
    says(binder.get_samples(validation, &ids(&["e", "f", "g"]), Some(2)), "ceiling 2");
}

fn tensor(xs: &candle_core::Tensor) -> serde_json::Value {
    let data = xs.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    json!({"dtype": "float32", "shape": xs.dims(), "data": data})
}

/// Same: GRP-008. A group that loads as another number of samples fails every function, with the group's size.
#[test]
fn c018_group_of_the_wrong_size() {
    let binder = letters(&Calls::default(), 1).build().unwrap();
    let report = check(&binder);
    assert!(report.payloads[2].display["validation"].contains("leading dim 1"), "{report}");
    let validation = &binder.subsets().unwrap()[1];
    violates(&binder.get_samples(validation, &["d".into()], None).unwrap_err(), Code::GroupSize, "leading dim 1");
}

/// Same: GRP-004.
#[test]
fn c019_grouped_and_flat() {
    let grouped = || Subset::grouped(DataState::Training, [["a"]]).unwrap();
    let binder = over(Data::new(move || Ok(vec![grouped(), split(DataState::Validation, 2, 0)]))).build().unwrap();
    let report = check(&binder);
    assert!(!report.is_valid && report.setup.is_none());
    assert!(report.payloads[1].display["Errors"].contains("all grouped"), "{report}");
    assert!(report.general_error.unwrap().contains("all grouped"));
}

/// Same: CAL-012. Samples are asked for by group on grouped subsets alone.
#[test]
fn c038_group_on_a_flat_subset() {
    let flat = split(DataState::Training, 3, 0);
    let binder = over(Data::of(vec![flat.clone(), split(DataState::Validation, 1, 9)])).build().unwrap();
    says(binder.get_samples(&flat, &["s0".into()], None), "not grouped");
}

/// Deviates: GRP-010. Which files a load opens cannot be seen; the verdict is the recorded one without the note.
#[test]
fn c192_group_opens_several_files() {
    struct Files(tempfile::TempDir);
    impl Dataset for Files {
        type Sample = (u8, u8);
        fn preprocess(&self) -> HandlerResult<Vec<Subset>> {
            let training = Subset::grouped(DataState::Training, [["a", "b"]])?;
            Ok(vec![training, Subset::grouped(DataState::Validation, [["c"]])?])
        }
        fn load(&self, id: &SampleId, _: DataState) -> HandlerResult<(u8, u8)> {
            let read = |name: String| std::fs::read(self.0.path().join(name));
            Ok((read(id.to_string())?[0], read("a".to_owned())?[0]))
        }
    }
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "b", "c"] {
        std::fs::write(folder.path().join(name), name).unwrap();
    }
    let binder = Binder::builder(Files(folder))
        .input("many", |(own, _)| Ok([f32::from(*own)]))
        .input("one", |(_, first)| Ok([f32::from(*first)]))
        .build()
        .unwrap();
    let verdict = Verdict::of("c192_group_opens_several_files");
    verdict.but(|recorded| recorded["payloads"][2]["display"] = json!({})).holds(&check(&binder));
}
