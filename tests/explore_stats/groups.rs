//! Columns, what sets groups apart, and shortcuts.

use leap_binder::contract::{DataState, MetadataValue};
use leap_binder::explore::statistics::{Alternative, mann_whitney};
use leap_binder::explore::{ColumnKind, Columns, ShortcutOptions, differences, shortcuts};

use crate::tables::*;

#[test]
fn columns_are_typed() {
    let mut table = table(&[
        "number", "flag", "mixed", "sex", "file", "constant", "nothing", "half", "gt_label", "gt_name", "coarse",
        "bin_x",
    ]);
    for id in 0..40 {
        let label = id % 3;
        let mut row = row(id, DataState::Training, label, label, 0.5);
        row.metadata = vec![
            MetadataValue::Float(id as f64 * 0.5),
            MetadataValue::Int((id % 2) as i64),
            if id < 20 { MetadataValue::Int(1) } else { MetadataValue::Text("x".to_owned()) },
            MetadataValue::from(["F", "M"][id / 20]),
            MetadataValue::Text(format!("person{id}.jpeg")),
            MetadataValue::Int(4),
            MetadataValue::Float(f64::NAN),
            if id % 2 == 0 { MetadataValue::Float(f64::INFINITY) } else { MetadataValue::Int((id % 7) as i64) },
            MetadataValue::Int(label as i64),
            MetadataValue::from(CLASSES[label]),
            MetadataValue::Bool(label > 0),
            MetadataValue::Int(id as i64),
        ];
        table.rows.push(row);
    }
    let columns = Columns::of(&table).unwrap();
    let kinds: Vec<ColumnKind> = columns.all().iter().map(|column| column.kind).collect();
    use ColumnKind::*;
    assert_eq!(
        kinds,
        [
            Numeric,
            Categorical,
            Categorical,
            Categorical,
            Distinct,
            Constant,
            Missing,
            Numeric,
            Numeric,
            Categorical,
            Categorical,
            Numeric
        ]
    );
    let copies: Vec<&str> =
        columns.all().iter().filter(|column| column.copies_label).map(|column| column.name.as_str()).collect();
    assert_eq!(copies, ["gt_label", "gt_name"], "a column that lumps classes together is no copy");
    let missing: Vec<f64> = columns.all().iter().map(|column| column.missing).collect();
    assert_eq!((missing[0], missing[6], missing[7]), (0.0, 1.0, 0.5));
    assert!(columns.families().is_empty());

    table.rows[7].metadata.pop();
    let error = Columns::of(&table).unwrap_err().to_string();
    assert!(error.contains("12 metadata values") && error.contains("11 in row 7"), "{error}");
    table.rows[7].metadata.push(MetadataValue::Absent);
    table.rows[9].label = Some(3);
    assert!(Columns::of(&table).unwrap_err().to_string().contains("3 in row 9"));
}

#[test]
fn histograms_are_recognised() {
    let mut names: Vec<String> = (3..15).rev().map(|bin| format!("grey_level_{bin}")).collect();
    names.extend((20..26).map(|bin| format!("grey_level_{bin}")));
    names.extend((0..9).map(|bin| format!("padded_0{bin}")));
    let mut table = table(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for id in 0..5 {
        let mut row = row(id, DataState::Test, 0, 0, 0.1);
        row.metadata = (0..names.len()).map(|column| MetadataValue::Int((id * column) as i64)).collect();
        table.rows.push(row);
    }
    let columns = Columns::of(&table).unwrap();
    let [family] = columns.families() else { panic!("{:?}", columns.families()) };
    assert_eq!(
        (family.name.as_str(), family.first, family.columns.clone()),
        ("grey_level", 3, (0..12).rev().collect())
    );
}

#[test]
fn the_storys_finding_comes_out_in_one_call() {
    let (table, bright, other) = story(1, 60);
    let found = differences(&table, &bright, &other).unwrap();
    let range_with =
        |bin: &str| found.iter().find(|difference| difference.columns.iter().any(|column| column == bin)).unwrap();
    let (low, high) = (range_with("pixels_count_199"), range_with("pixels_count_223"));
    assert!(low.effect < -0.9 && high.effect > 0.9, "{low:?} {high:?}");
    for range in [low, high] {
        assert!((6..30).contains(&range.columns.len()), "the bump is some 16 levels wide: {range:?}");
        assert!(range.column.starts_with("pixels_count_2") || range.column.starts_with("pixels_count_1"));
        assert!(range.column.contains(".."));
    }
    let column = |name: &str| found.iter().find(|difference| difference.column == name).unwrap();
    assert!(column("image_mean").effect > 0.5 && column("image_std").effect > 0.5);
    assert!(!found.iter().any(|difference| difference.column.starts_with("gt_")), "the label explains nothing");
    assert!(
        found.len() <= 8,
        "ranges and not bins: {:?}",
        found.iter().map(|difference| &difference.column).collect::<Vec<_>>()
    );
    assert!(found.windows(2).all(|pair| pair[0].effect.abs() >= pair[1].effect.abs()));

    // A range is tested on its sum.
    let sum = |rows: &[usize]| -> Vec<f64> {
        let places: Vec<usize> =
            high.columns.iter().map(|name| table.metadata.iter().position(|of| of == name).unwrap()).collect();
        let value = |row: usize, place: usize| {
            if let MetadataValue::Int(value) = table.rows[row].metadata[place] { value as f64 } else { panic!() }
        };
        rows.iter().map(|&row| places.iter().map(|&place| value(row, place)).sum()).collect()
    };
    let compared = mann_whitney(&sum(&bright), &sum(&other));
    assert!((compared.delta - high.effect).abs() < 1e-12);
    assert!((compared.p_value(Alternative::TwoSided) / high.p_value - 1.0).abs() < 1e-9);
    assert!(high.p_adjusted >= high.p_value);

    // The other way round all signs turn.
    let turned = differences(&table, &other, &bright).unwrap();
    assert_eq!(turned.len(), found.len());
    for (a, b) in found.iter().zip(&turned) {
        assert_eq!((&a.column, a.inside, a.outside), (&b.column, b.outside, b.inside));
        assert!((a.effect + b.effect).abs() < 1e-12);
    }
}

#[test]
fn categories_differ_by_their_shares() {
    let mut table = table(&["sex", "portable"]);
    for id in 0..80 {
        let mut row = row(id, DataState::Training, 0, 0, 0.1);
        let sex = if id < 40 { ["F", "F", "F", "M"][id % 4] } else { ["F", "M", "M", "M"][id % 4] };
        row.metadata = vec![sex.into(), (!(30..70).contains(&id)).into()];
        table.rows.push(row);
    }
    let (inside, outside): (Vec<usize>, Vec<usize>) = ((0..40).collect(), (40..80).collect());
    let found = differences(&table, &inside, &outside).unwrap();
    assert_eq!(found.len(), 2);
    let by = |name: &str| found.iter().find(|difference| difference.column == name).unwrap();
    let (sex, portable) = (by("sex"), by("portable"));
    assert_eq!((sex.category.as_deref(), sex.inside, sex.outside), (Some("F"), 0.75, 0.25));
    // phi of [[30, 10], [10, 30]] is (900 - 100) / 1600, and its chi-squared n phi^2 = 20; scipy: chi2.sf(20, 1).
    assert!((sex.effect - 0.5).abs() < 1e-12 && (sex.p_value / 7.744216431044084e-06 - 1.0).abs() < 1e-9);
    assert_eq!((portable.category.as_deref(), portable.inside, portable.outside), (Some("true"), 0.75, 0.25));
}

#[test]
fn groups_are_checked() {
    let (table, bright, other) = story(2, 10);
    for (inside, outside) in [(vec![0, 30], vec![1]), (vec![0], vec![1, 99]), (vec![0, 1], vec![1, 2])] {
        assert!(differences(&table, &inside, &outside).is_err());
    }
    assert!(differences(&table, &bright, &[]).unwrap().is_empty());
    assert!(differences(&table, &[], &other).unwrap().is_empty());
    assert!(differences(&table, &bright[..1], &other[..1]).unwrap().is_empty());
}

#[test]
fn random_groups_differ_at_the_nominal_rate() {
    let mut claims = 0u32;
    for seed in 0..200 {
        let (table, ..) = noise(seed, 120);
        let inside: Vec<usize> = (0..40).collect();
        let outside: Vec<usize> = (40..120).collect();
        claims += u32::from(!differences(&table, &inside, &outside).unwrap().is_empty());
    }
    println!("differences claimed in {claims} of 200 tables of noise");
    // 0.05 and three standard deviations of a share of 200.
    assert!(f64::from(claims) / 200.0 <= 0.05 + 3.0 * (0.05f64 * 0.95 / 200.0).sqrt(), "{claims} of 200");
}

/// A bright corner on most viruses, and columns that say nothing.
fn marked(seed: u64) -> leap_binder::evaluate::SampleTable {
    let mut draw = Draw::new(seed);
    let mut table = table(&["corner", "gt_label", "other", "text_marker", "exposure"]);
    for id in 0..300 {
        let label = id % 3;
        let marker = draw.chance(if label == 2 { 0.9 } else { 0.05 });
        // The model has learnt the marker.
        let prediction = if marker { 2 } else { label.min(1) };
        let mut row = row(id, DataState::Training, label, prediction, 0.3);
        let corner =
            if draw.chance(if label == 2 { 0.95 } else { 0.02 }) { 230.0 } else { 40.0 } + 10.0 * draw.normal();
        row.metadata = vec![
            corner.into(),
            (label as i64).into(),
            draw.normal().into(),
            marker.into(),
            (label as f64 + 2.0 * draw.normal()).into(),
        ];
        table.rows.push(row);
    }
    table
}

#[test]
fn a_marker_is_found_as_a_shortcut() {
    let found = shortcuts(&marked(3), &ShortcutOptions::default()).unwrap();
    assert_eq!(found.label_copies, ["gt_label"]);
    assert!((found.chance - 1.0 / 3.0).abs() < 1e-12);
    let mut names: Vec<&str> = found.ranked.iter().map(|shortcut| shortcut.column.as_str()).collect();
    names[..2].sort_unstable();
    assert_eq!((names[0], names[1], names.len()), ("corner", "text_marker", 4));
    let by = |name: &str| found.ranked.iter().find(|shortcut| shortcut.column == name).unwrap();
    // The marker tells virus from the two others, between which it can but guess: two thirds at best.
    assert!((0.58..0.72).contains(&by("corner").balanced_accuracy), "{:?}", by("corner"));
    assert!(
        by("corner").p_adjusted < 1e-20 && by("text_marker").p_adjusted < 1e-20 && by("exposure").p_adjusted < 0.01
    );
    assert!(by("corner").information > 0.3 && by("other").information < 0.1);
    assert!(
        by("other").p_adjusted > 0.001 && (0.22..0.45).contains(&by("other").balanced_accuracy),
        "{:?}",
        by("other")
    );
    assert!(by("corner").roc_auc > 0.75 && (by("other").roc_auc - 0.5).abs() < 0.1);
    assert!(by("text_marker").followed.unwrap() > by("other").followed.unwrap());
}

#[test]
fn shortcuts_do_not_depend_on_the_order() {
    let table = marked(4);
    let (other, _) = shuffled(&table, 9);
    let found = [&table, &other].map(|table| shortcuts(table, &ShortcutOptions::default()).unwrap());
    for (a, b) in found[0].ranked.iter().zip(&found[1].ranked) {
        assert_eq!((&a.column, a.balanced_accuracy, a.followed), (&b.column, b.balanced_accuracy, b.followed));
        assert!((a.roc_auc - b.roc_auc).abs() < 1e-12 && (a.information - b.information).abs() < 1e-12);
    }
    assert!(shortcuts(&table, &ShortcutOptions { folds: 1, seed: 0 }).is_err());
}

#[test]
fn noise_holds_no_shortcuts() {
    let (mut claims, mut small, mut all) = (0u32, 0u32, 0u32);
    for seed in 0..100 {
        let found = shortcuts(&noise(seed, 150).0, &ShortcutOptions::default()).unwrap();
        claims += u32::from(found.ranked.iter().any(|shortcut| shortcut.p_adjusted <= 0.05));
        small += found.ranked.iter().map(|shortcut| u32::from(shortcut.p_value <= 0.05)).sum::<u32>();
        all += u32::try_from(found.ranked.len()).unwrap();
        assert!(found.ranked.iter().all(|shortcut| shortcut.balanced_accuracy < 0.6));
    }
    println!("shortcuts claimed in {claims} of 100 tables of noise; {small} of {all} p-values up to 0.05");
    let bound = |of: f64| 0.05 + 3.0 * (0.05f64 * 0.95 / of).sqrt();
    assert!(f64::from(claims) / 100.0 <= bound(100.0), "{claims} of 100");
    assert!(all == 3000 && f64::from(small) / 3000.0 <= bound(3000.0), "{small} of {all}");
}
