use leap_binder::report::{CheckRow, CheckSummary, Report};

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
            rows: vec![CheckRow { detail: "sample patient00009_scan failed".into(), ..CheckRow::default() }],
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

#[test]
fn a_report_is_not_private_unless_asked() {
    let table = table(3, 0);
    let html = Report::new("", &table).map(&points(3), "").html().unwrap();
    assert!(html.contains("patient00002_scan") && html.contains("folder/secret00001.jpeg"));
}
