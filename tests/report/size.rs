use leap_binder::Error;
use leap_binder::report::Report;

use crate::common::{json, points, table};

#[test]
fn ten_thousand_samples_keep_to_the_default_size() {
    // Noise is the hardest to compress: 10,000 pictures of 64 pixels do not fit and are made smaller.
    let table = table(10_000, 64);
    let points = points(10_000);
    let folder = tempfile::tempdir().unwrap();
    let written = Report::new("Many", &table).map(&points, "").write(folder.path().join("report.html")).unwrap();
    assert!(written.bytes <= 15_000_000, "{written:?}");
    assert_eq!(std::fs::metadata(&written.path).unwrap().len(), written.bytes as u64);
    assert!(written.thumbnails > 5_000 && written.histograms == 10_000, "{written:?}");
    let html = std::fs::read_to_string(&written.path).unwrap();
    let sprites = json(&html, "sprites");
    assert_eq!(sprites["sizes"].as_array().unwrap().len(), written.thumbnails);
}

#[test]
fn a_small_size_is_kept_and_what_is_left_out_is_said() {
    let table = table(600, 64);
    let points = points(600);
    let report = Report::new("Small", &table).map(&points, "");
    let full = report.html().unwrap().len();
    let small = report.clone().max_bytes(full - 400_000).html().unwrap();
    assert!(small.len() <= full - 400_000);
    let said = small.split(" of 600 samples have a small picture").next().unwrap().rsplit("<li>").next().unwrap();
    let sprites = json(&small, "sprites");
    assert_eq!(said.parse::<usize>().unwrap(), sprites["sizes"].as_array().unwrap().len());
    match report.max_bytes(20_000).html().unwrap_err() {
        Error::Config { option, .. } => assert_eq!(option, "max_bytes"),
        other => panic!("{other}"),
    }
}
