//! The analysis configuration, prediction types, custom layers and the model.

use leap_binder::check::check;
use leap_binder::contract::{AnalysisConfiguration, Code, CustomLayer, HandlerResult};
use serde_json::json;

use crate::support::{NotLoaded, plain, refused};
use crate::verdict::{Verdict, recorded};

fn names(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().map(|&name| name.to_owned()).collect())
}

/// Same: CFG-001.
#[test]
fn c140_domain_gap_metadata_missing() {
    let configuration = AnalysisConfiguration {
        domain_gap_metadata: names(&["m", "nope"]),
        feature_flags: names(&["f"]),
        ..Default::default()
    };
    let binder = plain().analysis_configuration(configuration).metadata("m", |_| Ok(1)).build().unwrap();
    let verdict = Verdict::of("c140_domain_gap_metadata_missing");
    verdict.general("'nope' is not found").holds(&check(&binder));
}

fn ignoring(ignored: &[&str]) -> AnalysisConfiguration {
    AnalysisConfiguration { ignore_latent_spaces: names(ignored), ..Default::default() }
}

/// Same: CFG-002, CFG-004.
#[test]
fn c141_ignore_latent_spaces() {
    let with = |ignored: &[&str]| {
        let builder = plain().input("x", |_| Ok([0.0])).prediction("p", ["a", "b"]);
        check(&builder.analysis_configuration(ignoring(ignored)).build().unwrap())
    };
    let report = with(&["foreground", "x", "p"]);
    assert!(report.is_valid && report.general_error.is_none(), "{report}");
    let report = with(&["zzz"]);
    assert!(report.general_error.unwrap().contains("did not match") && report.setup.is_some());
}

/// Same: CFG-003.
#[test]
fn c142_ignore_latent_spaces_invalid() {
    let binder = plain().analysis_configuration(ignoring(&["balanced"])).build().unwrap();
    Verdict::of("c142_ignore_latent_spaces_invalid").general("cannot be ignored").holds(&check(&binder));
    let binder = plain().analysis_configuration(ignoring(&["user_custom"])).build().unwrap();
    assert!(check(&binder).general_error.unwrap().contains("cannot be ignored"));
}

/// Same: LAY-001.
#[test]
fn c159_custom_layer() {
    let layer = |arguments: [&str; 2]| CustomLayer::new("layer", arguments, ["inputs", "training"]);
    let builder = plain().custom_layer(layer(["other", "name"]));
    let binder = builder.custom_layer(layer(["units", "name"])).build().unwrap();
    Verdict::of("c159_custom_layer").holds(&check(&binder));
}

/// Same: MOD-003, MOD-004, MOD-019, MOD-021. Deviates: MOD-005.
#[test]
fn c130_load_model_rules() {
    let loaded = plain().load_model(|| -> HandlerResult<NotLoaded> { Err("the check must not load the model".into()) });
    let binder = loaded.prediction("a", ["x", "y"]).prediction_with("b", ["z"], 1).build().unwrap();
    let labels = &recorded("c130_load_model_rules")["node_connections"];
    assert_eq!(labels[0]["node"]["type"], json!("PredictionLabels"));
    Verdict::of("c130_load_model_rules").holds(&check(&binder));

    let predictions = |count| (0..count).fold(plain(), |b, k| b.prediction(format!("p{k}"), ["a"]));
    assert_eq!(predictions(10).build().unwrap().predictions().len(), 10);
    refused(predictions(11), Code::PredictionLimit, "Prediction10");
    let twice = predictions(1).prediction("p0", ["b"]);
    refused(twice, Code::DuplicateName, "Prediction with name p0 already exists");
}
