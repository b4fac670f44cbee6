use leap_binder::contract::MetadataValue;
use leap_binder::evaluate::SampleTable;
use leap_binder::explore::{Difference, Evidence, Insight, InsightKind};
use leap_binder::report::{CheckRow, CheckSummary, ClusterFacts, Report};

use crate::common::{insights, points, table};

#[test]
fn a_private_report_tells_no_id_anywhere() {
    let mut table = table(60, 8);
    table.metadata[1] = "source_file".into();
    for (place, row) in table.rows.iter_mut().enumerate() {
        row.metadata[1] = format!("secret{place:05}").into();
    }
    let insights = insights(&table);
    let points = points(60);
    let report = Report::new("Private", &table)
        .map(&points, "with patient00004_scan in the middle")
        .insights(&insights)
        .facts([("first file", "folder/secret00000.jpeg")])
        .check(CheckSummary {
            passed: true,
            rows: vec![CheckRow {
                status: "passed".into(),
                detail: "sample patient00009_scan failed".into(),
                ..CheckRow::default()
            }],
            ..CheckSummary::default()
        })
        .private(true);
    let folder = tempfile::tempdir().unwrap();
    let mut texts = vec![report.html().unwrap()];
    for path in report.write_tables(folder.path()).unwrap() {
        if path.extension().is_some_and(|extension| extension != "parquet") {
            texts.push(std::fs::read_to_string(path).unwrap());
        }
    }
    assert!(texts.len() >= 7);
    for text in &texts {
        for row in &table.rows {
            for secret in std::iter::once(row.id.to_string()).chain(row.attributes.clone()) {
                assert!(!text.contains(&secret), "{secret}");
            }
        }
        assert!(!text.contains("secret0") && !text.contains("mrn7") && !text.contains("source_file"));
    }
    let html = &texts[0];
    for text in [
        "The worst is sample 0.",
        "sample 1 and sample 2 of",
        "sample 9 failed",
        "1 metadata column",
        "with sample 4 in",
    ] {
        assert!(html.contains(text), "{text}");
    }
}

/// The page and all tables of a private report, in one text.
fn all(report: Report) -> String {
    let report = report.private(true);
    let folder = tempfile::tempdir().unwrap();
    let mut text = report.html().unwrap();
    for path in report.write_tables(folder.path()).unwrap() {
        if path.extension().is_some_and(|extension| extension != "parquet") {
            text += &std::fs::read_to_string(path).unwrap();
        }
    }
    text
}

/// Whether a word stands in the text; packed data, in which any letters may come by chance, are longer words.
fn has_word(text: &str, wanted: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && !"_+/".contains(c)).any(|word| word == wanted)
}

/// A table with a column `patient_id` of the short texts `P0` to `P6`, of which the report may say none.
fn with_short_ids() -> SampleTable {
    let mut table = table(60, 0);
    table.metadata[1] = "patient_id".into();
    table.rows.iter_mut().enumerate().for_each(|(place, row)| row.metadata[1] = format!("P{}", place % 7).into());
    table
}

#[test]
fn messages_of_checks_that_did_not_pass_are_left_out() {
    let table = table(6, 0);
    let row = |status: &str| CheckRow {
        name: format!("function {status}"),
        subset: "unlabeled".into(),
        status: status.into(),
        detail: "cannot read /home/jane-doe/person77_unseen.jpeg".into(),
    };
    let check = CheckSummary {
        passed: false,
        summary: "The check was ended: no folder /home/jane-doe".into(),
        rows: ["failed", "warning", "not run", "odd"].map(row).into(),
    };
    let text = all(Report::new("", &table).check(check.clone()));
    assert!(!text.contains("jane-doe") && !text.contains("person77"));
    assert!(text.contains("1 of 4 checks failed") && text.contains("function not run"));
    assert!(text.contains("left out, as the report is private"));
    assert!(Report::new("", &table).check(check).html().unwrap().contains("jane-doe"));
}

#[test]
fn features_of_clusters_over_columns_that_are_left_out_are_not_told() {
    let table = with_short_ids();
    let feature = |column: &str, words: &str| (column.to_owned(), words.to_owned());
    let features = vec![
        feature("patient_id", "P6: 40 % against 2 %"),
        feature("image_mean", "bright"),
        feature("", "patient_id = P5"),
    ];
    let facts = ClusterFacts { features, ..ClusterFacts::default() };
    let text = all(Report::new("", &table).map(&points(60), "").clusters(&[Some(0); 60], [facts]));
    assert!(!has_word(&text, "P6") && !has_word(&text, "P5") && !has_word(&text, "patient_id"));
    assert!(text.contains("bright"));
}

#[test]
fn insights_on_columns_that_are_left_out_say_nothing_of_them() {
    let table = with_short_ids();
    let group = |title: &str, sentence: &str, rule: &str| {
        let evidence = Evidence::Group { rule: rule.into(), cluster: None, confusions: vec![] };
        Insight::new(InsightKind::LowPerformance, 0.5, title, sentence, vec![0, 1], evidence)
    };
    let mut by_difference = group("Those of P4", "They are of P4.", "cluster 1");
    by_difference.differences = vec![Difference::default()];
    by_difference.differences[0].column = "patient_id".into();
    by_difference.differences[0].category = Some("P4".into());
    let insights = [
        group("Samples with patient_id = P1", "Much is P1.", "width in [1, 2]"),
        group("Few of P2", "The space falls apart by patient_id: P2.", ""),
        group("Those of P3", "They are of P3.", "patient_id = P3"),
        by_difference,
        group("A wide one", "Nothing of the kind.", "width in [1, 2]"),
    ];
    let text = all(Report::new("", &table).insights(&insights));
    for secret in ["P1", "P2", "P3", "P4", "patient_id"] {
        assert!(!has_word(&text, secret), "{secret}");
    }
    assert!(text.contains("A wide one") && text.contains("width in [1, 2]"));
    assert!(text.contains("Low performance, by metadata that are left out"));
}

#[test]
fn names_tell_in_camel_case_and_counts_do_not() {
    let mut table = table(60, 0);
    table.metadata[..3].clone_from_slice(&["StudyInstanceUID", "subjectNumber", "bright_pixels"].map(str::to_owned));
    for (place, row) in table.rows.iter_mut().enumerate() {
        row.metadata[0] = "1.2.840".into();
        row.metadata[1] = MetadataValue::Int(8_765_400 + place as i64);
        row.metadata[2] = MetadataValue::Int(1_000 + place as i64);
    }
    let text = all(Report::new("", &table).map(&points(60), ""));
    for secret in ["StudyInstanceUID", "1.2.840", "subjectNumber", "8765400"] {
        assert!(!text.contains(secret), "{secret}");
    }
    assert!(text.contains("bright_pixels") && text.contains("1059"));
}

#[test]
fn ids_that_are_numbers_do_not_garble_counts() {
    let mut table = table(30, 0);
    table.attributes.clear();
    for (place, row) in table.rows.iter_mut().enumerate() {
        row.attributes.clear();
        row.id = (5_200 + place as i64).into();
    }
    let evidence = Evidence::Group { rule: String::new(), cluster: None, confusions: vec![] };
    let sentence = "120 of 5216 samples, the worst is sample 5217.";
    let insights = [Insight::new(InsightKind::LowPerformance, 0.5, "One", sentence, vec![0], evidence)];
    let text = all(Report::new("", &table).insights(&insights));
    assert!(text.contains("120 of 5216 samples, the worst is sample 17."));
    assert!(!text.contains("5217"));
}

#[test]
fn a_report_is_not_private_unless_asked() {
    let table = table(3, 0);
    let html = Report::new("", &table).map(&points(3), "").html().unwrap();
    assert!(html.contains("patient00002_scan") && html.contains("folder/secret00001.jpeg"));
}
