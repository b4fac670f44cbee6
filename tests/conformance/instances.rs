//! Element instances and false positives.

use leap_binder::Binder;
use leap_binder::binder::BinderBuilder;
use leap_binder::check::check;
use leap_binder::contract::{Code, DataState, ElementInstance, MetadataType, MetadataValue, Subset};
use serde_json::json;

use candle_core::{DType, Device, Tensor};

use crate::support::{Data, Sample, plain, refused, zeros};
use crate::verdict::Verdict;

const NO_TYPES: [(&str, MetadataType); 0] = [];

/// As many instances as the id's number, with an area and, when declared, a note.
fn with_instances(builder: BinderBuilder<Data>) -> BinderBuilder<Data> {
    let mask = |_: &Sample, number: usize| {
        let instance = ElementInstance::new("o", zeros(&[1, 1])).with_metadata("area", 4.5 + number as f64);
        Ok(Some(instance.with_metadata("note", MetadataValue::Absent)))
    };
    let length = |sample: &Sample| Ok(sample.number() as usize % 100);
    builder.instances(length, mask, [("note", MetadataType::String), ("kind", MetadataType::Int)])
}

/// Same: INS-001, INS-002, INS-003, INS-004.
#[test]
fn c120_instances() {
    let binder = with_instances(plain()).input("x", |_| Ok([0.0])).build().unwrap();
    let report = check(&binder);
    assert!(report.is_valid, "{report}");
    let payload = |name: &str| report.payloads.iter().find(|payload| payload.name == name).unwrap();
    let value = |name: &str| json!(payload(&format!("builtin_instance_metadata_{name}")).raw_result);
    assert_eq!(value("is_instance"), json!("0"));
    assert_eq!(value("original_sample_id"), json!("s100"));
    assert_eq!(value("instance_name"), json!("none"));
    let setup = report.setup.as_ref().unwrap();
    let columns: Vec<_> = setup.metadata.iter().map(|column| (&*column.name, column.metadata_type)).collect();
    assert_eq!(
        columns,
        [
            ("builtin_instance_metadata_is_instance", MetadataType::String),
            ("builtin_instance_metadata_original_sample_id", MetadataType::String),
            ("builtin_instance_metadata_instance_name", MetadataType::String),
            ("builtin_instance_extra_metadata_area", MetadataType::Float),
            ("builtin_instance_extra_metadata_note", MetadataType::String),
            ("builtin_instance_extra_metadata_kind", MetadataType::Int),
        ]
    );
    assert_eq!(json!(payload("builtin_instance_extra_metadata_area").raw_result), json!("float"));
    // s0, s1 and s2 have 0, 1 and 2 instances, s100 and s101 none and one.
    assert_eq!((setup.preprocess.training_length, setup.preprocess.validation_length), (6, 3));
    assert!(setup.has_element_instances);

    let rows = binder.instance_rows().unwrap();
    let rows = |state| &rows.iter().find(|(known, _)| *known == state).unwrap().1;
    let facts = |state| rows(state).iter().map(|row| json!([row.id, row.sample, row.instance])).collect::<Vec<_>>();
    let training = [json!(["s1_0", "s1", 0]), json!(["s2_0", "s2", 0]), json!(["s2_1", "s2", 1])];
    assert_eq!(facts(DataState::Training), training);
    assert_eq!(facts(DataState::Validation), [json!(["s101_0", "s101", 0])]);
    let instance = binder.instance(DataState::Training, &"s2".into(), 1).unwrap().unwrap();
    assert_eq!((&*instance.name, &instance.metadata[0].1), ("o", &MetadataValue::from(5.5)));
}

/// Same: INS-005.
#[test]
fn c121_instances_untyped_absence() {
    let mask =
        |_: &Sample, _| Ok(Some(ElementInstance::new("o", zeros(&[1, 1])).with_metadata("k", MetadataValue::Absent)));
    let builder = plain().instances(|_| Ok(1), mask, NO_TYPES).input("x", |_| Ok([0.0, 0.0]));
    let verdict = Verdict::of("c121_instances_untyped_absence").general("is absent on instance 0");
    verdict.display("preprocess", "Errors", "is absent on instance 0").holds(&check(&builder.build().unwrap()));
}

/// Same: INS-006. Rows of instances are named after the sample, so that its id must be a text.
#[test]
fn instances_want_text_ids() {
    let subsets = vec![Subset::new(DataState::Training, 0..3), Subset::new(DataState::Validation, 3..4)];
    let report = check(&with_instances(Binder::builder(Data::of(subsets))).build().unwrap());
    let general = report.general_error.as_deref().unwrap_or_default();
    assert!(!report.is_valid && general.contains("should be str"), "{report}");
}

fn false_positives() -> BinderBuilder<Data> {
    let found = |_: &Sample, _: &Vec<(String, Tensor)>| {
        let instance = ElementInstance::new("fp", zeros(&[1, 1])).with_metadata("score", 0.5);
        Ok(vec![instance])
    };
    let builder = plain().input("x", |_| Ok([0.0, 0.0])).ground_truth("y", |_| Ok([0.0; 3]));
    builder.false_positives("fp", [("score", MetadataType::Float)], found)
}

/// The encoder's payload.
#[track_caller]
fn empty(builder: BinderBuilder<Data>, fragment: Option<&str>) {
    let report = check(&builder.build().unwrap());
    let payload = report.payloads.iter().find(|payload| payload.name == "fp").unwrap();
    assert_eq!(payload.is_passed, fragment.is_none(), "{payload:?}");
    if let Some(fragment) = fragment {
        assert!(payload.display["Errors"].contains(fragment), "`{fragment}`: {payload:?}");
    }
}

/// Same: INS-009, INS-010, INS-011, INS-012, INS-013.
#[test]
fn c122_false_positive_instances() {
    let verdict = Verdict::of("c122_false_positive_instances").display("fp", "Errors", "Missing for");
    verdict.holds(&check(&false_positives().build().unwrap()));

    let right = || false_positives().empty_ground_truth("y", |_| Ok([0.0; 3]));
    empty(right(), None);
    empty(false_positives().empty_ground_truth("y", |_| Ok([0.0; 2])), Some("returned shape"));
    let integers = |_: &Sample| Ok(Tensor::zeros(3, DType::I64, &Device::Cpu)?);
    empty(false_positives().empty_ground_truth("y", integers), None);
    empty(false_positives().empty_ground_truth("z", |_| Ok([0.0; 3])), Some("Missing for"));
    empty(right().empty_ground_truth("z", |_| Ok([0.0; 3])), Some("do not match any registered"));
    let twice = right().false_positives("fp2", NO_TYPES, |_, _| Ok(Vec::new()));
    refused(twice, Code::InstanceRule, "only one");
    refused(right().empty_ground_truth("y", |_| Ok([0.0; 3])), Code::InstanceRule, "already defined");
}

/// Rows of false positives are told apart, and neither they nor instances go with groups.
#[test]
fn instances_do_not_go_with_groups() {
    use leap_binder::Binder;
    use leap_binder::contract::Subset;
    let grouped = || {
        let subset = |state, id| Subset::grouped(state, [[id]]).unwrap();
        Binder::builder(Data::of(vec![subset(DataState::Training, "a0"), subset(DataState::Validation, "b1")]))
    };
    let report = check(&with_instances(grouped()).build().unwrap());
    assert!(report.general_error.unwrap().contains("not grouped"));
    let binder = grouped().false_positives("fp", NO_TYPES, |_, _| Ok(Vec::new())).build().unwrap();
    let report = check(&binder);
    assert!(!report.payloads[1].is_passed && report.general_error.is_none(), "{report}");
    let columns = report.setup.unwrap().metadata;
    assert!(columns.iter().any(|column| column.name == "builtin_instance_metadata_is_false_positive"));
}
