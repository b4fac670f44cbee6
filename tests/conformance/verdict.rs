//! A report beside the recorded verdict, field by field.

use std::collections::BTreeMap;

use leap_binder::check::CheckReport;
use serde_json::{Value as Json, json};

/// What a case's verdict must be.
///
/// Messages are ours: for each recorded one the case names a fragment that ours must hold, and none may be left over.
pub(crate) struct Verdict {
    case: &'static str,
    recorded: Json,
    general: Option<&'static str>,
    texts: BTreeMap<(&'static str, &'static str), &'static str>,
}

/// The recorded result of a case.
pub(crate) fn recorded(case: &str) -> Json {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance/recorded");
    let text = std::fs::read_to_string(format!("{folder}/{case}.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A recorded probe's value.
pub(crate) fn probe(case: &str, name: &str) -> Json {
    let recorded = recorded(case);
    let probe = &recorded["probes"][name];
    assert_eq!(probe["ok"], json!(true), "{case}: {name} is {probe}");
    probe["value"].clone()
}

impl Verdict {
    /// As recorded for `case`.
    pub(crate) fn of(case: &'static str) -> Self {
        Self { case, recorded: recorded(case), general: None, texts: BTreeMap::new() }
    }

    /// With a general error that holds `fragment`.
    pub(crate) fn general(mut self, fragment: &'static str) -> Self {
        self.general = Some(fragment);
        self
    }

    /// With `fragment` in what the payload shows under `key`.
    pub(crate) fn display(mut self, payload: &'static str, key: &'static str, fragment: &'static str) -> Self {
        self.texts.insert((payload, key), fragment);
        self
    }

    /// But for a change on purpose, which `docs/deviations.md` explains.
    pub(crate) fn but(mut self, change: impl FnOnce(&mut Json)) -> Self {
        change(&mut self.recorded);
        self
    }

    /// Holds the report against the record.
    #[track_caller]
    pub(crate) fn holds(self, report: &CheckReport) {
        let (case, recorded) = (self.case, &self.recorded);
        let ours = serde_json::to_value(report).unwrap();
        for key in ["is_valid", "is_valid_for_model", "model_setup", "print_log"] {
            assert_eq!(ours[key], recorded[key], "{case}: {key}\n{report}");
        }
        for key in ["node_connections", "leap_analysis_configuration"] {
            assert_eq!(ours["engine_file_contract"][key], recorded[key], "{case}: {key}");
        }
        match (&ours["general_error"], self.general) {
            (Json::Null, None) => assert_eq!(recorded["general_error"], Json::Null, "{case}: no general error"),
            (Json::String(text), Some(fragment)) => {
                assert!(recorded["general_error"].is_string(), "{case}: unrecorded general error {text}");
                assert!(text.contains(fragment), "{case}: `{fragment}` is not in `{text}`");
            }
            (found, expected) => panic!("{case}: general error {found}, expected {expected:?}"),
        }
        self.payloads(ours["payloads"].as_array().unwrap());
        setup(case, &ours["setup"], &recorded["setup"]);
    }

    #[track_caller]
    fn payloads(&self, ours: &[Json]) {
        let case = self.case;
        let recorded = self.recorded["payloads"].as_array().unwrap();
        let names = |payloads: &[Json]| payloads.iter().map(|payload| payload["name"].clone()).collect::<Vec<_>>();
        assert_eq!(names(ours), names(recorded), "{case}: payloads");
        let mut wanted: Vec<_> = self.texts.keys().collect();
        for (ours, recorded) in ours.iter().zip(recorded) {
            let name = recorded["name"].as_str().unwrap();
            for key in ["is_passed", "shape", "handler_type"] {
                assert_eq!(ours[key], recorded[key], "{case}: {key} of {name}: {}", ours["display"]);
            }
            raw_result(&format!("{case}: raw_result of {name}"), &ours["raw_result"], &recorded["raw_result"]);
            let (display, expected) = (ours["display"].as_object().unwrap(), recorded["display"].as_object().unwrap());
            assert_eq!(display.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{case}: {name}");
            for (key, text) in display {
                let fragment = self.texts.get(&(name, key.as_str()));
                let fragment = fragment.unwrap_or_else(|| panic!("{case}: no fragment for {name}, {key}: {text}"));
                let text = text.as_str().unwrap();
                assert!(text.contains(fragment), "{case}: {name}, {key}: `{fragment}` is not in `{text}`");
                wanted.retain(|(payload, shown)| (*payload, *shown) != (name, key.as_str()));
            }
        }
        assert!(wanted.is_empty(), "{case}: nothing shown for {wanted:?}");
    }
}

/// A value, or a tensor: dtype, shape and as many values as were recorded.
#[track_caller]
pub(crate) fn raw_result(what: &str, ours: &Json, recorded: &Json) {
    if recorded.get("dtype").is_none() {
        return same_value(what, ours, recorded);
    }
    assert_eq!(ours["shape"], recorded["shape"], "{what}");
    assert_eq!(ours["dtype"], recorded["dtype"], "{what}");
    let mut flat = Vec::new();
    flatten(&ours["data"], &mut flat);
    let recorded = recorded["data"].as_array().unwrap();
    assert!(flat.len() >= recorded.len(), "{what}");
    let single = ours["dtype"] == "float32";
    for (ours, recorded) in flat.into_iter().zip(recorded) {
        match (ours.as_f64(), recorded.as_f64()) {
            // Decimal digits of an f32, read as f64 and rounded back.
            (Some(ours), Some(recorded)) if single => assert_eq!(ours as f32, recorded as f32, "{what}"),
            _ => same_value(what, ours, recorded),
        }
    }
}

/// Numbers are compared as numbers: Python's 3 and our 3.0 are one.
#[track_caller]
pub(crate) fn same_value(what: &str, ours: &Json, recorded: &Json) {
    match (ours.as_f64(), recorded.as_f64()) {
        (Some(ours), Some(recorded)) => assert_eq!(ours, recorded, "{what}"),
        _ => assert_eq!(ours, recorded, "{what}"),
    }
}

fn flatten<'a>(value: &'a Json, into: &mut Vec<&'a Json>) {
    match value {
        Json::Array(values) => values.iter().for_each(|value| flatten(value, into)),
        value => into.push(value),
    }
}

#[track_caller]
fn setup(case: &str, ours: &Json, recorded: &Json) {
    if recorded.is_null() || ours.is_null() {
        return assert_eq!(ours, recorded, "{case}: setup");
    }
    let plain = ["preprocess", "inputs", "metadata", "outputs", "prediction_types", "simulations"];
    for key in plain.into_iter().chain(["has_element_instances"]) {
        assert_eq!(ours[key], recorded[key], "{case}: {key} of the setup");
    }
    let builtins = |probe: &str| self::probe("c070_visualizers_valid", probe).as_array().unwrap().clone();
    for (key, probe) in [("visualizers", "visualizers"), ("custom_losses", "losses"), ("metrics", "metrics")] {
        let builtin = builtins(&format!("builtin {probe} in order"));
        let (first, own) = ours[key].as_array().unwrap().split_at(builtin.len());
        assert_eq!(own, recorded[format!("{key}_beyond_builtin")].as_array().unwrap(), "{case}: {key} of the setup");
        for (ours, recorded) in first.iter().zip(&builtin) {
            assert_eq!(ours["name"], recorded[0], "{case}: built-in {key}");
            let arguments = recorded.as_array().unwrap().iter().find(|value| value.is_array()).unwrap();
            assert_eq!(ours["arg_names"], *arguments, "{case}: arguments of built-in {key}");
        }
    }
}
