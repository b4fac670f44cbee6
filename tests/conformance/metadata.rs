//! Metadata: types of columns, absent values, maps and limits.

use leap_binder::Binder;
use leap_binder::check::check;
use leap_binder::contract::{Code, DataState, Metadata, MetadataType, MetadataValue};
use serde_json::{Value as Json, json};

use crate::support::{Data, Sample, plain, refused};
use crate::verdict::{Verdict, probe, same_value};

const NONE: Option<i64> = None;

/// That columns of a sample are delivered as recorded: value and whether it stands for an absent one.
#[track_caller]
fn delivered(binder: &Binder<Data>, id: &str, recorded: &Json, skip: &[&str]) {
    let columns = check(binder).setup.unwrap().metadata;
    let sample = binder.get_sample(DataState::Training, &id.into()).unwrap();
    let mut seen = 0;
    for (name, value) in &sample.metadata {
        let column = columns.iter().find(|column| column.name == *name).unwrap();
        let (value, absent) = value.delivered(column.metadata_type);
        same_value(name, &json!(value), &recorded[0][name]);
        assert_eq!(json!(absent), recorded[1][name], "{name}");
        seen += 1;
    }
    assert_eq!(seen + skip.len(), recorded[0].as_object().unwrap().len());
}

/// Without columns whose values Rust's types forbid.
fn without(names: &'static [&'static str]) -> impl FnOnce(&mut Json) {
    move |recorded| {
        for list in ["/payloads", "/setup/metadata"] {
            let list = recorded.pointer_mut(list).unwrap().as_array_mut().unwrap();
            list.retain(|entry| !names.contains(&entry["name"].as_str().unwrap()));
        }
    }
}

/// Same: MDT-001, MDT-002, MDT-003, MDT-004, MDT-005.
#[test]
fn c050_metadata_types() {
    let binder = plain()
        .metadata("py_int", |_| Ok(3))
        .metadata("py_float", |_| Ok(2.5))
        .metadata("py_bool", |_| Ok(true))
        .metadata("py_str", |_| Ok("a"))
        .metadata("np_int64", |_| Ok(3i64))
        .metadata("np_uint8", |_| Ok(3u8))
        .metadata("np_float16", |_| Ok(1.5f32))
        .metadata("np_float32", |_| Ok(1.5f32))
        .metadata("np_float64", |_| Ok(1.5f64))
        .metadata("np_bool", |_| Ok(true))
        .metadata("np_str", |_| Ok("s".to_owned()))
        .metadata("nan", |_| Ok(f64::NAN))
        .metadata("inf", |_| Ok(f64::INFINITY))
        .metadata("empty_str", |_| Ok(""))
        .build()
        .unwrap();
    let verdict = Verdict::of("c050_metadata_types").but(without(&["big", "zero_dim", "zero_dim_int"]));
    verdict.holds(&check(&binder));
    let recorded = probe("c050_metadata_types", "values as delivered");
    delivered(&binder, "s0", &recorded, &["zero_dim", "zero_dim_int"]);
}

/// Same: MDT-008.
#[test]
fn c051_metadata_none_untyped() {
    let binder = plain().metadata("m", |_| Ok(NONE)).metadata("ok", |_| Ok(1)).build().unwrap();
    let verdict = Verdict::of("c051_metadata_none_untyped");
    verdict.display("m", "training", "Metadata m is None and no metadata type is provided").holds(&check(&binder));
}

/// Same: MDT-009, MDT-010, MDT-011.
#[test]
fn c052_metadata_none_typed() {
    let text = |first: &'static str, second: &'static str| {
        move |sample: &Sample| {
            Ok([None, Some(first), Some(second)].into_iter().nth(sample.number() as usize).unwrap_or(Some(second)))
        }
    };
    let binder = plain()
        .metadata_typed("none_float", MetadataType::Float, |_| Ok(NONE))
        .metadata_typed("none_string", MetadataType::String, |_| Ok(NONE))
        .metadata_typed("none_int", MetadataType::Int, |_| Ok(NONE))
        .metadata_typed("none_boolean", MetadataType::Boolean, |_| Ok(NONE))
        .metadata_typed("declared_but_present", MetadataType::Int, |_| Ok(7))
        .metadata_typed("string_column_gets_number", MetadataType::String, |sample| {
            Ok((sample.number() != 0).then_some(4))
        })
        .metadata_typed("float_column_gets_text", MetadataType::Float, text("12.5", "abc"))
        .metadata_typed("bool_column_gets_text", MetadataType::Boolean, text("False", "False"))
        .build()
        .unwrap();
    Verdict::of("c052_metadata_none_typed").holds(&check(&binder));
    for id in ["s0", "s1", "s2"] {
        delivered(&binder, id, &probe("c052_metadata_none_typed", &format!("delivered {id}")), &[]);
    }
}

/// Same: MDT-012, MDT-013.
#[test]
fn c053_none_on_one_subset() {
    let some_on = |state| move |sample: &Sample| Ok((sample.state == state).then_some(4));
    let binder = plain()
        .metadata("none_on_validation", some_on(DataState::Training))
        .metadata("none_on_training", some_on(DataState::Validation))
        .build()
        .unwrap();
    let report = check(&binder);
    let [validation, training] = &report.payloads[2..] else { panic!("{report}") };
    assert!(validation.is_passed && validation.display.is_empty(), "{validation:?}");
    assert_eq!(json!(validation.raw_result), json!(4));
    assert!(!training.is_passed && training.display.keys().eq(["training"]), "{training:?}");
    assert!(training.display["training"].contains("Metadata none_on_training is None"));
    assert_eq!(json!(training.raw_result), json!(4));
    assert!(!report.is_valid && report.general_error.is_none());
}

/// Same: MDT-014, MDT-015, MDT-016.
#[test]
fn c054_metadata_dict() {
    let some: fn(MetadataValue) -> MetadataValue = |value| value;
    let binder = plain()
        .metadata("d", move |_| {
            Ok(Metadata::map([
                ("i", some(1.into())),
                ("f", 1.5.into()),
                ("s", "x".into()),
                ("b", false.into()),
                ("n", 4i32.into()),
                ("weird key!", 2.into()),
            ]))
        })
        .metadata("e", |_| Ok(Metadata::Map(Vec::new())))
        .metadata_typed("partial", [("maybe", MetadataType::String), ("unused", MetadataType::Float)], |_| {
            Ok(Metadata::map([("maybe", MetadataValue::Absent), ("sure", 2.into())]))
        })
        .build()
        .unwrap();
    Verdict::of("c054_metadata_dict").holds(&check(&binder));
    delivered(&binder, "s0", &probe("c054_metadata_dict", "delivered"), &[]);
}

/// Same: MDT-017, MDT-018.
#[test]
fn c055_metadata_dict_none() {
    let none = |_: &Sample| Ok(Metadata::map([("k", MetadataValue::Absent)]));
    let binder = plain()
        .metadata("undeclared", none)
        .metadata_typed("other_key_declared", [("z", MetadataType::Float)], none)
        .metadata_typed("single_type", MetadataType::Float, none)
        .build()
        .unwrap();
    let untyped = "Metadata k is None and no metadata type is provided";
    let mut verdict = Verdict::of("c055_metadata_dict_none");
    for state in ["training", "validation"] {
        verdict = verdict.display("undeclared", state, untyped).display("other_key_declared", state, untyped);
        verdict = verdict.display("single_type", state, "metadata type is not a dict");
    }
    verdict.holds(&check(&binder));
}

/// Deviates: MDT-019. code_loader loses the failure of a map on training when validation passes; it is kept here.
#[test]
fn c056_dict_fails_on_training() {
    let binder = plain()
        .metadata("d", |sample| match sample.state {
            DataState::Training => Err("no header".into()),
            _ => Ok(Metadata::map([("a", 1), ("b", 2)])),
        })
        .metadata("scalar", |sample| if sample.state == DataState::Training { Err("no header".into()) } else { Ok(1) })
        .build()
        .unwrap();
    let report = check(&binder);
    let names: Vec<&str> = report.payloads[2..].iter().map(|payload| &*payload.name).collect();
    assert_eq!(names, ["d_a", "d_b", "scalar"]);
    for payload in [&report.payloads[2], &report.payloads[4]] {
        assert!(!payload.is_passed && payload.display["training"].contains("no header"), "{payload:?}");
    }
    assert!(report.payloads[3].is_passed && !report.is_valid && report.setup.is_some());
}

/// Same: MDT-023.
#[test]
fn c060_metadata_99_handlers() {
    let binder = (0..99).fold(plain(), |builder, k| builder.metadata(format!("m{k}"), |_| Ok(1))).build().unwrap();
    Verdict::of("c060_metadata_99_handlers").holds(&check(&binder));
}

/// Same: MDT-024.
#[test]
fn c061_metadata_100_handlers() {
    let builder = plain().input("x", |_| Ok([0.0]));
    let binder = (0..100).fold(builder, |builder, k| builder.metadata(format!("m{k}"), |_| Ok(1))).build().unwrap();
    let report = check(&binder);
    assert!(!report.is_valid && report.setup.is_none());
    assert!(report.general_error.unwrap().contains("More than 100 metadata function"));
    let names: Vec<&str> = report.payloads.iter().map(|payload| &*payload.name).collect();
    assert_eq!(names, ["integration_test", "preprocess"]);
}

/// Same: MDT-025, MDT-026.
#[test]
fn c062_metadata_800_keys() {
    let keys = |count: i64| {
        let values = move |_: &Sample| Ok(Metadata::map((0..count).map(|k| (format!("k{k}"), k))));
        check(&plain().metadata("m", values).build().unwrap())
    };
    Verdict::of("c062_metadata_800_keys").general("More than 800 metadata keys").holds(&keys(800));
    // What ran before goes with it.
    let values = |_: &Sample| Ok(Metadata::map((0..800).map(|k| (format!("k{k}"), k))));
    let report = check(&plain().input("x", |_| Ok([0.0])).metadata("m", values).build().unwrap());
    assert_eq!(report.payloads.len(), 2, "{report}");
    let report = keys(799);
    assert!(report.is_valid, "{report}");
    assert_eq!(json!(report.payloads[2..].len()), probe("c062_metadata_800_keys", "799 keys"));
}

/// Same: MDT-030. The last subset's keys stand; an absent value in a place that training did not have fails.
#[test]
fn c064_keys_grow() {
    let grown = |new: MetadataValue| {
        move |sample: &Sample| {
            let mut keys = vec![("a", MetadataValue::from(1))];
            if sample.state == DataState::Validation {
                keys.push(("b", new.clone()));
            }
            Ok(Metadata::map(keys))
        }
    };
    let binder = plain()
        .metadata("grows", grown(2.into()))
        .metadata("none_in_new_slot", grown(MetadataValue::Absent))
        .build()
        .unwrap();
    let report = check(&binder);
    let names: Vec<&str> = report.payloads[2..].iter().map(|payload| &*payload.name).collect();
    assert_eq!(names, ["grows_a", "grows_b", "none_in_new_slot_a"]);
    let payload = &report.payloads[4];
    assert!(!payload.is_passed && payload.display["validation"].contains("list index out of range"), "{payload:?}");
    assert!(report.payloads[2].is_passed && report.payloads[3].is_passed && report.general_error.is_none());
}

/// Same: MDT-027.
#[test]
fn c037_duplicate_metadata() {
    let twice = plain().metadata("mm", |_| Ok(1)).metadata("mm", |_| Ok(1));
    refused(twice, Code::DuplicateName, "Metadata with name mm already exists");
}

/// Same: MDT-040, MDT-041, MDT-042. Called directly, a metadata function may give any of its values.
#[test]
fn c038_metadata_called_directly() {
    let binder = plain()
        .metadata("none", |_| Ok(NONE))
        .metadata("byte", |_| Ok(1u8))
        .metadata("text", |_| Ok("z".to_owned()))
        .build()
        .unwrap();
    let sample = binder.get_sample(DataState::Training, &"s0".into()).unwrap();
    let values: Vec<MetadataValue> = sample.metadata.into_iter().map(|(_, value)| value).collect();
    assert_eq!(values, [MetadataValue::Absent, 1.into(), "z".into()]);
}
