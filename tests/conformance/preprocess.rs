//! Subsets: how they are made, and what the check says of what preprocess gives.

use leap_binder::Binder;
use leap_binder::binder::BinderBuilder;
use leap_binder::binder::flow::SampleChoice;
use leap_binder::check::{CheckReport, check};
use leap_binder::contract::{Code, DataState, HandlerResult, MetadataValue, SampleId, Subset};
use serde_json::json;

use crate::support::{Calls, Data, over, plain, refused, says, split, train_val, violates};
use crate::verdict::{Verdict, probe};

const TRAINING: DataState = DataState::Training;
const VALIDATION: DataState = DataState::Validation;

fn checked(subsets: Vec<Subset>) -> CheckReport {
    check(&over(Data::of(subsets)).build().unwrap())
}

/// The ids' length, whether they are grouped, and in how many groups they are, as recorded for a constructor call.
#[track_caller]
fn made(subset: &Subset, name: &str) {
    let recorded = probe("c020_response_constructor", name);
    assert_eq!(json!(subset.len()), recorded["length"], "{name}");
    assert_eq!(json!(subset.is_grouped()), recorded["grouped"], "{name}");
    assert_eq!(json!(subset.groups().count()), recorded["num_groups"], "{name}");
    let ids = if subset.is_grouped() { json!(subset.groups().collect::<Vec<_>>()) } else { json!(subset.sample_ids) };
    assert_eq!(ids, recorded["ids"], "{name}");
    let kind = if recorded["type"] == "int" { "integer" } else { "text" };
    assert!(subset.sample_ids.iter().all(|id| id.kind() == kind), "{name}");
}

/// Same: PRS-001, PRS-002, PRS-004, PRS-006, PRS-008, PRS-009, PRS-016.
#[test]
fn c020_response_constructor() {
    made(&Subset::new(TRAINING, 0..3), "length only");
    made(&Subset::new(TRAINING, 0..0), "length zero");
    made(&Subset::new(TRAINING, vec!["a".to_owned(), "b".to_owned()]), "string ids");
    made(&Subset::new(TRAINING, ["a", "a"]), "repeated string ids");
    made(&Subset::new(TRAINING, [1, 2]), "integer ids with type int");
    made(&Subset::grouped(TRAINING, [vec!["a"], vec!["b", "c"]]).unwrap(), "grouped strings");
    made(&Subset::grouped(TRAINING, [vec![1, 2], vec![3]]).unwrap(), "grouped ints");
    let arrays: [&[&str]; 1] = [&["a", "b"]];
    let subset = Subset::new(TRAINING, arrays[0].iter().copied());
    assert_eq!(json!(subset.sample_ids), probe("c020_response_constructor", "numpy string ids")["ids"]["data"]);
    let repeated = vec![Subset::new(TRAINING, ["a", "a"]), Subset::new(VALIDATION, ["v"])];
    assert!(checked(repeated).is_valid);
}

/// Same: PRS-007. The items are not verified when the subset is made; the check then refuses a mixture.
#[test]
fn c020_mixed_items_are_found_by_the_check() {
    let mixed = Subset::new(TRAINING, [SampleId::Int(1), SampleId::from("b")]);
    assert_eq!(mixed.len(), 2);
    let report = checked(vec![mixed, Subset::new(VALIDATION, ["v"])]);
    assert!(report.payloads[1].display["Errors"].contains("Different id types"), "{report}");
}

/// Same: PRS-017, PRS-019.
#[test]
fn c020_groups_are_held_to_their_rules() {
    let groups = [vec![SampleId::from("a")], vec![SampleId::Int(1)]];
    assert_eq!(Subset::grouped(TRAINING, groups).unwrap_err().code, Code::MixedIdTypes);
    for groups in [[vec!["a"], vec![]], [vec![], vec!["a"]]] {
        let violation = Subset::grouped(TRAINING, groups).unwrap_err();
        assert_eq!(violation.code, Code::GroupRule);
        assert!(violation.to_string().contains("non-empty list"), "{violation}");
    }
}

/// Same: PRE-003.
#[test]
fn c007_training_only() {
    let verdict = Verdict::of("c007_training_only").general("Validation data is required");
    let verdict = verdict.display("preprocess", "Errors", "Validation data is required");
    verdict.holds(&checked(vec![split(TRAINING, 2, 0)]));
}

/// Same: PRE-002.
#[test]
fn c008_no_training() {
    let verdict = Verdict::of("c008_no_training").general("Training data is required");
    let verdict = verdict.display("preprocess", "Errors", "Training data is required");
    verdict.holds(&checked(vec![split(VALIDATION, 2, 0), split(DataState::Test, 2, 0)]));
}

/// Same: PRE-004.
#[test]
fn c009_the_same_state_twice() {
    let report = checked(vec![split(TRAINING, 2, 0), split(VALIDATION, 2, 10), split(TRAINING, 1, 20)]);
    assert!(!report.is_valid && report.setup.is_none());
    assert!(report.general_error.unwrap().contains("Duplicate state training"));
    let names: Vec<&str> = report.payloads.iter().map(|payload| &*payload.name).collect();
    assert_eq!(names, ["integration_test", "preprocess"]);
    assert!(report.payloads[1].display["Errors"].contains("Duplicate state training"));
}

/// Same: CHK-009.
#[test]
fn c010_preprocess_raises() {
    let data = Data::new(|| Err("No such file or directory: 'data.csv'".into()));
    let verdict = Verdict::of("c010_preprocess_raises").general("No such file or directory: 'data.csv'");
    let verdict = verdict.display("preprocess", "Errors", "No such file or directory: 'data.csv'");
    verdict.holds(&check(&over(data).build().unwrap()));
}

/// Same: CHK-018, CHK-019, CHK-022. Deviates: CHK-021. The check that closes every integration test is the older one: its
/// first error ends the test.
#[test]
fn c191_the_closing_check() {
    let closes = |builder: BinderBuilder<Data>| {
        let binder = builder.integration_test(|_| Ok(())).build().unwrap();
        binder.integration_test(DataState::Training, SampleChoice::First)
    };
    let fine = closes(over(Data::of(train_val())));
    assert!(fine.passed() && fine.to_string().contains("Successful!"), "{fine}");

    let raising = plain().input("x", |_| -> HandlerResult<[f32; 2]> { Err("boom".into()) });
    let failure = closes(raising).failure.unwrap();
    assert_eq!((failure.code, &*failure.function), (Code::FunctionFailed, "input_encoder::x"));
    assert!(failure.to_string().contains("boom"), "{failure}");

    let missing = closes(over(Data::of(vec![split(DataState::Training, 3, 0)]))).failure.unwrap();
    assert!(missing.to_string().contains("Validation data is required"), "{missing}");

    let untyped = closes(plain().metadata("m", |_| Ok(MetadataValue::Absent))).failure.unwrap();
    assert!(untyped.to_string().contains("Metadata m is None and no metadata type is provided"), "{untyped}");

    let long = Subset::new(DataState::Training, ["a".repeat(257)]);
    let failure = closes(over(Data::of(vec![long, split(DataState::Validation, 2, 100)]))).failure.unwrap();
    assert_eq!(failure.code, Code::LongSampleId);
}

/// Same: CHK-010, CHK-011, CHK-012. What a second check says is what the first said.
#[test]
fn c011_preprocess_raises_with_integration_test() {
    let build = || {
        let data = Data::new(|| Err("No such file or directory: 'data.csv'".into()));
        over(data).integration_test(|_| Ok(())).build().unwrap()
    };
    let binder = build();
    let verdict = || {
        let verdict = Verdict::of("c011_preprocess_raises_with_integration_test");
        verdict.general("No such file or directory: 'data.csv'")
    };
    verdict().holds(&check(&binder));
    verdict().holds(&check(&binder));
    verdict().holds(&check(&build()));
}

/// Same: PRE-005. An index error on each function of that subset, and the setup is there.
#[test]
fn c014_empty_training() {
    let data = Data::of(vec![split(TRAINING, 0, 0), split(VALIDATION, 2, 100)]);
    let binder = over(data).ground_truth("y", |_| Ok([1.0])).metadata("m", |_| Ok(1)).build().unwrap();
    let report = check(&binder);
    assert!(!report.is_valid && report.general_error.is_none());
    assert!(report.payloads[1].display["Errors"].contains("Invalid dataset length"));
    for payload in &report.payloads[2..] {
        assert!(!payload.is_passed && payload.display.keys().eq(["training"]), "{payload:?}");
        assert!(payload.display["training"].contains("list index out of range"), "{payload:?}");
    }
    let setup = report.setup.unwrap();
    assert_eq!((setup.preprocess.training_length, setup.preprocess.validation_length), (0, 0));
    assert_eq!(setup.inputs[0].shape, [2]);
}

/// Same: PRE-006.
#[test]
fn c015_mixed_id_types() {
    let verdict = Verdict::of("c015_mixed_id_types");
    let verdict = verdict.display("preprocess", "Errors", "Different id types");
    verdict.holds(&checked(vec![Subset::new(TRAINING, ["a", "b"]), Subset::new(VALIDATION, 0..2)]));
}

/// Same: PRE-007.
#[test]
fn c016_id_length_256() {
    let training = Subset::new(TRAINING, ["x".repeat(256), "é".repeat(256)]);
    Verdict::of("c016_id_length_256").holds(&checked(vec![training, Subset::new(VALIDATION, ["v"])]));
}

/// Same: PRE-008, CHK-013. The functions are checked all the same, and the setup knows no lengths.
#[test]
fn c017_id_length_257() {
    let report = checked(vec![Subset::new(TRAINING, ["é".repeat(257)]), Subset::new(VALIDATION, ["v"])]);
    assert!(!report.is_valid && report.general_error.is_none());
    assert!(report.payloads[1].display["Errors"].contains("256"));
    assert!(report.payloads[2].is_passed && report.payloads[2].name == "x");
    let lengths = report.setup.unwrap().preprocess;
    assert_eq!((lengths.training_length, lengths.validation_length, lengths.test_length), (0, 0, None));
}

/// Same: PRE-020, PRE-025, PRE-027, PRE-028, PRE-030. Deviates: PRE-029.
#[test]
fn c021_preprocess_called_directly() {
    let subsets = |subsets: Vec<Subset>| over(Data::of(subsets)).build().unwrap().subsets();
    let valid: Vec<_> = subsets(train_val()).unwrap().iter().map(|s| json!([s.state, s.len()])).collect();
    assert_eq!(json!(valid), probe("c021_preprocess_decorator_calls", "valid"));
    let violation = |given: Vec<Subset>, code, fragment| violates(&subsets(given).unwrap_err(), code, fragment);
    violation(vec![split(TRAINING, 3, 0)], Code::MissingSubset, "at least 2");
    violation(vec![split(TRAINING, 3, 0), split(VALIDATION, 0, 0)], Code::EmptySubset, "has length 0");
    violation(vec![split(TRAINING, 1, 0), split(TRAINING, 1, 0)], Code::DuplicateState, "duplicate");
    violation(vec![split(TRAINING, 1, 0), split(TRAINING, 1, 7)], Code::DuplicateState, "Duplicate state training");
    let grouped = Subset::grouped(TRAINING, [["a"]]).unwrap();
    violation(vec![grouped, split(VALIDATION, 1, 0)], Code::MixedGrouping, "mix");
}

/// Same: PRE-013, PRE-015.
#[test]
fn c022_unlabeled_from_its_own_function() {
    let (truths, labelled) = (Calls::default(), Calls::default());
    let noted = truths.clone();
    let data = Data::of(train_val()).with_unlabeled(|| Ok(Some(split(DataState::Unlabeled, 5, 200))));
    let inputs = labelled.clone();
    let binder = Binder::builder(data)
        .input("x", move |sample| {
            inputs.note(&sample.id);
            Ok([0.0])
        })
        .ground_truth("y", move |sample| {
            noted.note(&sample.id);
            Ok([0.0])
        })
        .build()
        .unwrap();
    let report = check(&binder);
    assert!(report.is_valid, "{report}");
    assert_eq!(report.setup.unwrap().preprocess.unlabeled_length, Some(5));
    assert_eq!(truths.all(), ["s0", "s100"]);
    assert_eq!(labelled.all(), ["s0", "s100", "s200"]);
    let sample = binder.get_sample(DataState::Unlabeled, &"s200".into()).unwrap();
    assert!(sample.ground_truths.is_empty() && sample.inputs.len() == 1);
    // A subset of any state counts as unlabeled when this function lists it.
    let data = Data::of(train_val()).with_unlabeled(|| Ok(Some(split(TRAINING, 1, 200))));
    assert_eq!(over(data).build().unwrap().subsets().unwrap()[2].state, DataState::Unlabeled);
}

/// Same: PRE-014.
#[test]
fn c023_unlabeled_twice() {
    let calls = Calls::default();
    let noted = calls.clone();
    let mut subsets = train_val();
    subsets.push(split(DataState::Unlabeled, 5, 200));
    let data = Data::of(subsets).with_unlabeled(move || {
        noted.note("called");
        Ok(Some(split(DataState::Unlabeled, 1, 0)))
    });
    Verdict::of("c023_unlabeled_twice").holds(&check(&over(data).build().unwrap()));
    assert_eq!(json!(calls.all().len()), probe("c023_unlabeled_twice", "handler calls"));
}

/// Same: CHK-008, CHK-016. Shapes that differ are accepted, and that of the last subset stands in the setup.
#[test]
fn c035_subsets_in_another_order() {
    let data = Data::of(vec![split(DataState::Test, 1, 200), split(VALIDATION, 2, 100), split(TRAINING, 3, 0)]);
    let calls = Calls::default();
    let noted = calls.clone();
    let binder = Binder::builder(data)
        .input("x", move |sample| {
            noted.note(sample.state);
            Ok(vec![sample.number() as f32; 1 + sample.state as usize])
        })
        .build()
        .unwrap();
    let report = check(&binder);
    assert!(report.is_valid, "{report}");
    assert_eq!(calls.all(), ["training", "validation", "test"]);
    assert_eq!(report.setup.unwrap().inputs[0].shape, [3]);
    assert_eq!(report.payloads[2].shape, Some(vec![3]));
}

/// A panic in preprocess is an error like any other, and a builder without functions is a valid binder.
#[test]
fn preprocess_may_panic_and_functions_may_be_missing() {
    let data = Data::new(|| panic!("no disk"));
    let report = check(&over(data).build().unwrap());
    assert!(report.general_error.unwrap().contains("no disk"));
    assert!(check(&plain().build().unwrap()).is_valid);
    refused(plain().input("", |_| Ok([0.0])), Code::EmptyName, "a name");
    says(over(Data::of(vec![])).build().unwrap().subsets(), "Training data is required");
}
