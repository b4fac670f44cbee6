use leap_binder::Error;
use leap_binder::contract::DataState;
use leap_binder::evaluate::{SampleRow, SampleTable};
use leap_binder::explore::{Matrix, Metric, Neighbours};
use leap_binder::imaging::Image;
use leap_binder::report::{Picture, Report};

use crate::common::{insights, json, points, table};

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

/// `count` samples with an attribute and three columns, and twelve similar samples of each.
fn many(count: usize) -> (SampleTable, Neighbours) {
    let mut table = SampleTable::new(["a", "b"]);
    table.attributes = vec!["file".into()];
    table.losses = vec!["loss".into()];
    table.metadata = ["one", "two", "three"].map(str::to_owned).into();
    table.rows.reserve(count);
    for place in 0..count {
        let mut row = SampleRow::new(format!("sample{place:06}"), DataState::ALL[place % 3], vec![0.25, 0.75]);
        (row.label, row.losses) = (Some(place % 2), vec![Some(place as f32)]);
        row.attributes = vec![format!("folder{:02}", place % 90)];
        row.metadata = vec![(place as f64).into(), (place as i64).into(), "text".into()];
        table.rows.push(row);
    }
    let mut neighbours = Neighbours::of(&Matrix::from_rows([[0.0_f32], [1.0]]).unwrap(), 1, Metric::Euclidean);
    neighbours.indices = (0..count).map(|place| (1..=12).map(|step| (place + step) % count).collect()).collect();
    neighbours.distances = vec![vec![1.0; 12]; count];
    (table, neighbours)
}

#[test]
fn a_hundred_thousand_samples_keep_to_the_default_size() {
    let (table, neighbours) = many(100_000);
    let html = Report::new("Many", &table).map(&vec![[1.0, 2.0]; 100_000], "").neighbours(&neighbours).html().unwrap();
    assert!(html.len() <= 15_000_000, "{}", html.len());
    let data = json(&html, "data");
    assert_eq!((&data["count"], &data["neighbours"]["count"]), (&100_000.into(), &6.into()));
    assert_eq!(data["attributes"].as_array().unwrap().len(), 1);
    assert_eq!(data["columns"].as_array().unwrap().len(), 3);
    assert!(html.contains("Only the nearest 6 similar samples of each sample fit."));
}

#[test]
fn similar_samples_go_before_attributes_and_these_before_columns() {
    let (table, neighbours) = many(2_000);
    let points = vec![[1.0, 2.0]; 2_000];
    let report = Report::new("Many", &table).map(&points, "").neighbours(&neighbours);
    let full = report.html().unwrap().len();
    let held = |html: &str| {
        let data = json(html, "data");
        let count = |name: &str| data[name].as_array().unwrap().len();
        (data["neighbours"]["count"].as_u64().unwrap_or(0), count("attributes"), count("columns"))
    };
    let mut seen = Vec::new();
    for bytes in (0..=full + 200_000).rev().step_by(5_000) {
        let Ok(html) = report.clone().max_bytes(bytes).html() else { break };
        assert!(html.len() <= bytes);
        let held = held(&html);
        assert_eq!(html.contains("similar samples of each sample fit"), held.0 == 6);
        assert_eq!(html.contains("similar samples of each sample did not fit"), held.0 == 0);
        assert_eq!(html.contains("1 attribute did not fit"), held.1 == 0);
        assert_eq!(html.contains(" did not fit and can be found"), held.1 == 0 || held.2 < 3);
        if seen.last() != Some(&held) {
            seen.push(held);
        }
    }
    assert_eq!(seen.first(), Some(&(12, 1, 3)));
    assert_eq!(seen.last(), Some(&(0, 0, 0)), "{seen:?}");
    assert!(seen.iter().any(|held| held.0 == 6) && seen.iter().all(|held| held.1 == 1 || held.0 == 0), "{seen:?}");
}

#[test]
fn a_picture_that_stands_twice_is_counted_twice() {
    // The sample with the suspected label is also among the worst; what its picture leaves is taken by small pictures.
    let mut table = table(300, 64);
    table.rows.iter_mut().enumerate().for_each(|(place, row)| row.losses = vec![Some(300.0 - place as f32)]);
    let (points, insights) = (points(300), insights(&table));
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let image = Image::rgb(320, 320, (0..320 * 320 * 3).map(|_| noise()).collect()).unwrap();
    let bare = Report::new("Twice", &table).map(&points, "").insights(&insights);
    let report = bare.pictures([Picture { row: 3, image, heat_maps: vec![] }]);
    let mut held = 0;
    for bytes in (500_000..1_500_000).step_by(100_000) {
        let html = report.clone().max_bytes(bytes).html().unwrap();
        assert!(html.len() <= bytes);
        held += html.matches("data-picture=\"3\"").count();
    }
    assert!(held >= 4, "the picture never stood twice");
}
