//! Odd and hostile input is handled or refused, never passed on.

use leap_binder::Error;
use leap_binder::contract::{DataState, MetadataValue};
use leap_binder::evaluate::{SampleRow, SampleTable};
use leap_binder::explain::HeatMap;
use leap_binder::explore::{Evidence, Insight, InsightKind};
use leap_binder::imaging::Image;
use leap_binder::report::{ClusterFacts, DISCLAIMER, Picture, Report};

use crate::common::{insights, json, points, table};

#[test]
fn few_or_no_samples_make_a_page() {
    let empty = SampleTable::new(["a", "b"]);
    let html = Report::new("Nothing", &empty).map(&[], "no points").html().unwrap();
    assert!(html.contains(DISCLAIMER) && !html.contains("id=\"data\""));
    for count in 1..4 {
        let table = table(count, 8);
        let html = Report::new("Few", &table).map(&points(count), "").html().unwrap();
        assert_eq!(json(&html, "data")["count"], count);
    }
    let no_classes = SampleTable::new(Vec::<String>::new());
    assert!(Report::new("", &no_classes).html().is_ok());
}

#[test]
fn rows_without_labels_losses_and_values_make_a_page() {
    let mut table = table(9, 0);
    for row in &mut table.rows {
        (row.label, row.losses, row.metrics, row.attributes) = (None, vec![], vec![], vec![]);
        row.probabilities = vec![f64::NAN, 0.5];
        row.metadata = vec![f64::NAN.into(), MetadataValue::Absent, f64::INFINITY.into()];
    }
    let nowhere = vec![[f32::NAN, f32::INFINITY]; 9];
    let html = Report::new("Odd", &table).map(&nowhere, "").html().unwrap();
    assert!(!html.split_once("<script").unwrap().0.contains("NaN"));
    assert!(html.contains("id=\"histograms\"></script>"), "there is no histogram");
}

#[test]
fn hostile_names_are_text() {
    let hostile = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\u{2028}\"'& עברית";
    let mut table = SampleTable::new([hostile, "b"]);
    (table.attributes, table.losses, table.metadata) =
        (vec![hostile.into()], vec![hostile.into()], vec![hostile.into()]);
    let mut row = SampleRow::new(hostile, DataState::Test, vec![0.5, 0.5]);
    (row.label, row.losses, row.attributes) = (Some(0), vec![Some(1.0)], vec![hostile.into()]);
    row.metadata = vec![hostile.into()];
    row.thumbnail = Image::grey(2, 2, vec![0; 4]).ok();
    table.rows.push(row);
    let evidence =
        Evidence::Group { rule: hostile.into(), cluster: None, confusions: vec![(hostile.into(), hostile.into(), 1)] };
    let insights = [Insight::new(InsightKind::LowPerformance, f64::NAN, hostile, hostile, vec![0], evidence)];
    let html = Report::new(hostile, &table)
        .map(&[[0.0, 0.0]], hostile)
        .facts([(hostile, hostile)])
        .insights(&insights)
        .html()
        .unwrap();
    assert!(!html.contains("alert(1)</script>") && !html.contains("<img src=x"));
    // Two blocks of data without anything that ends them, one more for histograms, and the script.
    assert_eq!(html.matches("</script>").count(), 4);
    assert_eq!(json(&html, "data")["ids"][0], hostile);
}

#[test]
fn long_names_are_cut_everywhere() {
    let long = "x".repeat(10_000);
    let mut table = table(3, 0);
    table.classes = vec![long.clone(), "b".into()];
    table.metadata[0] = long.clone();
    table.rows[0].id = long.as_str().into();
    table.rows[0].attributes[0] = long.clone();
    table.rows[0].metadata[1] = long.as_str().into();
    let features = vec![(long.clone(), long.clone())];
    let facts = ClusterFacts { features, ..ClusterFacts::default() };
    let map = HeatMap::new(long.clone(), long.clone(), 1, 1, vec![1.0], false).unwrap();
    let image = Image::grey(2, 2, vec![9; 4]).unwrap();
    let html = Report::new(long.clone(), &table)
        .map(&points(3), long.clone())
        .clusters(&[Some(0); 3], [facts])
        .pictures([Picture { row: 0, image, heat_maps: vec![(map, None)] }])
        .facts([(&long, &long)])
        .html()
        .unwrap();
    assert!(!html.contains(&"x".repeat(1201)));
}

#[test]
fn parts_that_do_not_fit_the_table_are_refused() {
    let table = table(5, 0);
    let refused = |report: Report, found: &str| match report.html().unwrap_err() {
        Error::Argument { function: "Report", found: said, .. } => assert_eq!(said, found),
        other => panic!("{other}"),
    };
    let five = points(5);
    refused(Report::new("", &table).map(&five[..4], ""), "4");
    refused(Report::new("", &table).clusters(&[None; 6], []), "6");
    let mut beyond = insights(&table);
    beyond[0].samples.push(5);
    refused(Report::new("", &table).insights(&beyond), "5");
    let image = Image::grey(1, 1, vec![0]).unwrap();
    refused(Report::new("", &table).pictures([Picture { row: 9, image: image.clone(), heat_maps: vec![] }]), "9");
    let mut map = HeatMap::new("occlusion", "a", 2, 2, vec![0.0; 4], false).unwrap();
    map.height = 3;
    refused(Report::new("", &table).pictures([Picture { row: 0, image, heat_maps: vec![(map, None)] }]), "4");
}
