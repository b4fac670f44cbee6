//! Whether a mutation was caught: invalid, under its code, with its names, and nothing else failed.

use leap_binder::check::{CheckReport, check, check_build};
use leap_binder::{BoxError, Error};

use super::build::build;
use super::description::Description;
use super::expected::payload_names;
use super::mutation::Caught;

pub(crate) fn is_caught(description: &Description, caught: &Caught) {
    let binder = match build(description) {
        Ok(binder) => binder,
        Err(Error::Contract(violation)) => {
            assert!(caught.at_build, "refused: {violation}");
            assert_eq!(violation.code.as_str(), caught.code, "{violation}");
            says(&violation.to_string(), caught);
            let report = check_build(|| build(description).map_err(BoxError::from));
            assert!(!report.is_valid && report.payloads.is_empty() && report.setup.is_none());
            assert!(report.general_error.unwrap().contains(caught.code));
            return;
        }
        Err(other) => panic!("{other}"),
    };
    assert!(!caught.at_build, "built, against {caught:?}");
    let report = check(&binder);
    assert!(!report.is_valid);
    failures(&report, caught);
    assert_eq!(report.general_error.is_some(), caught.general, "{:?}", report.general_error);
    if let Some(text) = &report.general_error {
        says(text, caught);
    }
    assert_eq!(report.setup.is_some(), caught.setup);
    let names: Vec<&str> = report.payloads.iter().map(|payload| &*payload.name).collect();
    if caught.general && !caught.setup && caught.payloads.len() == 1 && names.last() == Some(&"preprocess") {
        assert_eq!(names, ["integration_test", "preprocess"]);
    } else {
        let all = payload_names(description);
        assert!(
            names.iter().eq(all.iter().take(names.len())) && (caught.general || names.len() == all.len()),
            "{all:?}"
        );
    }
    assert_eq!(serde_json::to_value(&report).unwrap()["is_valid"], false);
}

/// Exactly the expected payloads failed, each with the code and the names.
fn failures(report: &CheckReport, caught: &Caught) {
    let mut found = Vec::new();
    for payload in &report.payloads {
        let errors = payload.display.iter().filter(|(key, _)| *key != "Warnings");
        let before = found.len();
        for (key, text) in errors {
            found.push((payload.name.clone(), key.clone()));
            says(text, caught);
        }
        assert_eq!(payload.is_passed, found.len() == before, "{payload:?}");
    }
    found.sort();
    let mut expected = caught.payloads.clone();
    expected.sort();
    assert_eq!(found, expected);
}

fn says(message: &str, caught: &Caught) {
    assert!(message.starts_with(&format!("[{}] ", caught.code)), "{} expected: {message}", caught.code);
    for text in &caught.texts {
        assert!(message.contains(text), "{text:?} is not in {message}");
    }
}
