//! Low performance and domain gap against planted truths, noise and odd input.

use leap_binder::contract::{DataState, MetadataValue};
use leap_binder::evaluate::SampleTable;
use leap_binder::explore::{Columns, Context, Evidence, Insight, InsightOptions, Matrix, domain_gap, low_performance};

use crate::tables::*;

fn found(table: &SampleTable, clusters: &[Option<usize>], scores: Option<&Matrix>) -> [Vec<Insight>; 2] {
    let columns = Columns::of(table).unwrap();
    let context = Context::new(table, &columns, clusters, scores, InsightOptions::default()).unwrap();
    [low_performance(&context).unwrap(), domain_gap(&context).unwrap()]
}

#[test]
fn a_dark_group_is_found_and_described() {
    let (table, planted) = dark(1, 500);
    let [low, gaps] = found(&table, &[], None);
    assert!(gaps.is_empty(), "one subset has no gap");
    let first = &low[0];
    println!("{}", first.sentence);
    let Evidence::Group { rule, confusions, cluster } = &first.evidence else { panic!() };
    assert!(rule.starts_with("image_mean below ") && cluster.is_none(), "{rule}");
    assert_eq!(confusions[0].0, "bacteria");
    assert_eq!(confusions[0].1, "virus");
    let inside = |row: &usize| first.samples.contains(row);
    assert!(
        planted.iter().all(inside) && first.samples.len() <= planted.len() + 15,
        "{} for {}",
        first.samples.len(),
        planted.len()
    );
    let loss = |row: usize| table.rows[row].losses[0].unwrap();
    assert!(first.samples.windows(2).all(|pair| loss(pair[0]) >= loss(pair[1])), "worst first");

    assert_eq!(first.differences[0].column, "image_mean");
    assert!(first.differences.iter().any(|difference| difference.column == "number_of_black_pixels"));
    assert!(first.differences.iter().all(|difference| difference.column != "gt_name"));
    let gap = first.gap.as_ref().unwrap();
    assert!(gap.low < gap.difference && gap.difference < gap.high && gap.low > 0.5, "{gap:?}");
    assert!((gap.inside - gap.outside - gap.difference).abs() < 1e-12);
    assert!(first.p_adjusted.unwrap() >= first.p_value.unwrap() && first.p_adjusted.unwrap() < 1e-10);
    assert!((0.3..=1.0).contains(&first.severity));
    assert!(
        first.sentence.contains("of 500) have") && first.sentence.contains("predicted as virus"),
        "{}",
        first.sentence
    );
    assert!(
        gap.metric == "cross_entropy" && first.sentence.contains("the accuracy is"),
        "both say so, and the loss speaks"
    );
    // The other columns that see the same group say nothing new.
    assert_eq!(low.len(), 1, "{:?}", low.iter().map(|insight| &insight.sentence).collect::<Vec<_>>());
}

#[test]
fn a_cluster_with_high_loss_is_found() {
    let (table, planted) = dark(2, 400);
    let mut table = table;
    table.rows.iter_mut().for_each(|row| row.metadata.truncate(0));
    table.metadata.clear();
    let cluster =
        |row: usize| if planted.contains(&row) { Some(2) } else { Some(row % 2).filter(|_| !row.is_multiple_of(5)) };
    let clusters: Vec<Option<usize>> = (0..400).map(cluster).collect();
    let [low, _] = found(&table, &clusters, None);
    assert_eq!(low.len(), 1);
    assert!(matches!(&low[0].evidence, Evidence::Group { rule, cluster: Some(2), .. } if rule == "cluster 2"));
    assert!(low[0].sentence.starts_with("Samples in cluster 2 (32 of 400) have"), "{}", low[0].sentence);
    assert!(low[0].differences.is_empty());
}

#[test]
fn without_losses_accuracy_speaks() {
    let (mut table, planted) = dark(3, 500);
    table.rows.iter_mut().for_each(|row| row.losses = vec![None]);
    let [low, _] = found(&table, &[], None);
    assert!(low[0].title.starts_with("Low accuracy with image_mean below"), "{}", low[0].title);
    let gap = low[0].gap.as_ref().unwrap();
    assert!(gap.metric == "accuracy" && gap.difference < -0.4);
    assert!(planted.iter().all(|row| low[0].samples.contains(row)));
    table.rows.iter_mut().for_each(|row| row.label = None);
    let [low, _] = found(&table, &[], None);
    assert!(low.is_empty(), "neither losses nor labels");
}

/// Training and test from one population but for what `change` does to metadata and scores.
fn subsets(seed: u64, shift: f64) -> (SampleTable, Matrix) {
    let mut draw = Draw::new(seed);
    let mut table = table(&["image_mean", "device", "other"]);
    let test = |id: usize| id.is_multiple_of(3);
    for id in 0..360 {
        let label = draw.0.below(3);
        let mut row = row(id, if test(id) { DataState::Test } else { DataState::Training }, label, label, 0.2);
        let mean = 120.0 + 20.0 * draw.normal() + if test(id) { 20.0 * shift } else { 0.0 };
        row.metadata = vec![mean.into(), ["A", "B"][draw.0.below(2)].into(), draw.normal().into()];
        table.rows.push(row);
    }
    let scores = scores(360, 4, |row, column| draw.normal() + if column == 0 && test(row) { 2.0 * shift } else { 0.0 });
    (table, scores)
}

#[test]
fn a_shifted_subset_is_found() {
    let (table, scores) = subsets(1, 1.0);
    let [_, gaps] = found(&table, &[], Some(&scores));
    println!("{}", gaps[0].sentence);
    assert_eq!(gaps.len(), 1);
    assert!(
        gaps[0].sentence.contains("test subset (120 samples)") && gaps[0].sentence.contains("training subset (240)")
    );
    assert!(
        gaps[0].sentence.contains("latent space") && gaps[0].sentence.contains("image_mean"),
        "{}",
        gaps[0].sentence
    );
    assert!(!gaps[0].sentence.contains("classes"));
    assert_eq!(gaps[0].differences[0].column, "image_mean");
    assert!(gaps[0].samples.len() == 120 && gaps[0].samples.iter().all(|row| row % 3 == 0));
    assert!(gaps[0].p_adjusted.unwrap() < 1e-6 && gaps[0].gap.as_ref().unwrap().difference.abs() < 0.05);

    // The metadata alone, and the latent space alone.
    assert!(found(&table, &[], None)[1][0].sentence.contains("image_mean"));
    let (plain, _) = subsets(1, 0.0);
    let sentence = &found(&plain, &[], Some(&scores))[1][0].sentence;
    assert!(sentence.contains("latent space") && !sentence.contains("image_mean"), "{sentence}");
    assert!(found(&plain, &[], Some(&subsets(1, 0.0).1))[1].is_empty());
}

#[test]
fn other_shares_of_classes_are_no_shift_of_the_images() {
    let (mut table, _) = subsets(5, 0.0);
    let mut draw = Draw::new(6);
    for row in &mut table.rows {
        let rare = if row.state == DataState::Test { 0.1 } else { 0.6 };
        row.label = Some(if draw.chance(rare) { 0 } else { 1 });
    }
    let labels: Vec<usize> = table.rows.iter().map(|row| row.label.unwrap()).collect();
    let scores = scores(360, 4, |row, column| draw.normal() + if column == 0 { 6.0 * labels[row] as f64 } else { 0.0 });
    let [_, gaps] = found(&table, &[], Some(&scores));
    assert_eq!(gaps.len(), 1);
    assert!(gaps[0].sentence.contains("classes") && !gaps[0].sentence.contains("latent"), "{}", gaps[0].sentence);
}

#[test]
fn a_device_that_parts_the_latent_space_is_found() {
    let (table, _) = subsets(7, 0.0);
    let mut draw = Draw::new(8);
    let device = |row: usize| f64::from(u8::from(table.rows[row].metadata[1] == MetadataValue::from("B")));
    let scores = scores(360, 4, |row, column| draw.normal() + if column == 1 { 3.0 * device(row) } else { 0.0 });
    let [_, gaps] = found(&table, &[], Some(&scores));
    println!("{}", gaps[0].sentence);
    assert_eq!(gaps.len(), 1);
    assert_eq!(gaps[0].title, "The latent space falls apart by device");
    assert_eq!(gaps[0].differences[0].column, "device");
}

#[test]
fn noise_is_claimed_at_the_nominal_rate() {
    let (mut any, mut low, mut gap) = (0, 0, 0);
    for seed in 0..200 {
        let (table, clusters, scores) = noise(1000 + seed, 200);
        let claims = found(&table, &clusters, Some(&scores)).map(|insights| !insights.is_empty());
        any += usize::from(claims[0] || claims[1]);
        low += usize::from(claims[0]);
        gap += usize::from(claims[1]);
    }
    println!("claimed in {any} of 200 tables of noise: low performance in {low}, domain gap in {gap}");
    // 0.05 and three standard deviations of a share of 200.
    assert!(f64::from(any as u32) / 200.0 <= 0.05 + 3.0 * (0.05f64 * 0.95 / 200.0).sqrt(), "{any} of 200");
}

#[test]
fn planted_groups_are_mostly_found() {
    let (mut dark_found, mut beyond, mut gap_found) = (0, 0, 0);
    for seed in 0..100 {
        let (table, _) = dark(seed, 250);
        let low = &found(&table, &[], None)[0];
        let by = |insight: &Insight| insight.title.contains("image_mean") || insight.title.contains("number_of_black");
        dark_found += usize::from(low.iter().any(by));
        beyond += low.iter().filter(|insight| !by(insight)).count();
        let (table, scores) = subsets(seed, 0.5);
        gap_found += usize::from(!found(&table, &[], Some(&scores))[1].is_empty());
    }
    println!(
        "of 100: the dark 8 % of 250 found in {dark_found}, {beyond} further claims; half a deviation between subsets in {gap_found}"
    );
    assert!(dark_found >= 95 && beyond <= 5 && gap_found >= 80, "{dark_found} {beyond} {gap_found}");
}

#[test]
fn the_order_of_rows_does_not_matter() {
    let (table, _) = dark(4, 300);
    let (gapped, scores) = subsets(4, 1.0);
    for (table, scores) in [(&table, None), (&gapped, Some(&scores))] {
        let (other, places) = shuffled(table, 5);
        let moved = scores.map(|scores| Matrix::from_rows(places.iter().map(|&place| scores.row(place))).unwrap());
        let [a, b] = [found(table, &[], scores), found(&other, &[], moved.as_ref())];
        for (a, b) in a.iter().flatten().zip(b.iter().flatten()) {
            assert_eq!((&a.sentence, &a.title), (&b.sentence, &b.title));
            assert!((a.severity - b.severity).abs() < 1e-12);
            let ids = |table: &SampleTable, insight: &Insight| {
                let mut ids: Vec<String> = insight.samples.iter().map(|&row| table.rows[row].id.to_string()).collect();
                ids.sort();
                ids
            };
            assert_eq!(ids(table, a), ids(&other, b));
        }
        assert_eq!(a.map(|insights| insights.len()), b.map(|insights| insights.len()));
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let (table, _) = dark(6, 300);
    let (gapped, scores) = subsets(6, 1.0);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let all = pool.install(|| (found(&table, &[], None), found(&gapped, &[], Some(&scores))));
        serde_json::to_string(&all).unwrap()
    };
    let once = run(1);
    assert!(once.contains("image_mean"));
    assert_eq!(once, run(2));
    assert_eq!(once, run(4));
}

#[test]
fn odd_tables_are_handled() {
    let hostile = format!("<script>alert(1)</script>\u{0}\n{}", "é".repeat(10_000));
    for rows in [0, 1, 2, 3, 50] {
        for odd in 0..8 {
            let mut draw = Draw::new(odd);
            let mut table = table(&[&hostile, "nan", "constant", "text"]);
            for id in 0..rows {
                let state = if id % 2 == 0 { DataState::Training } else { DataState::Unlabeled };
                let mut row =
                    row(id, state, if odd == 1 { 0 } else { id % 3 }, if odd == 2 { 0 } else { id % 2 }, draw.even());
                row.metadata = vec![draw.normal().into(), f64::NAN.into(), 1i64.into(), hostile.as_str().into()];
                match odd {
                    3 => row.label = None,
                    4 => row.losses = vec![Some(f32::NAN)],
                    5 => row.losses = Vec::new(),
                    6 => row.metadata.clear(),
                    7 => row.losses = vec![Some(if id < 20 { f32::INFINITY } else { 3.0 })],
                    _ => {}
                }
                table.rows.push(row);
            }
            if odd == 6 {
                table.metadata.clear();
            }
            let clusters: Vec<Option<usize>> = (0..rows).map(|row| Some(row % 2)).collect();
            let scores = scores(rows, if odd == 0 { 0 } else { 3 }, |_, _| 0.0);
            for insight in found(&table, &clusters, Some(&scores)).iter().flatten() {
                assert!((0.0..=1.0).contains(&insight.severity), "{insight:?}");
                assert!(insight.sentence.chars().count() < 600 && !insight.sentence.contains(['\u{0}', '\n']));
            }
            leap_binder::explore::shortcuts(&table, &leap_binder::explore::ShortcutOptions::default()).unwrap();
        }
    }
    // A hostile name in a finding is quoted short.
    let (mut table, _) = dark(1, 300);
    table.metadata[0] = hostile;
    let [low, _] = found(&table, &[], None);
    assert!(low[0].sentence.contains("<script>") && low[0].sentence.chars().count() < 400);
    assert!(low[0].differences[0].column.chars().count() > 10_000, "in the data the name is whole");
}

#[test]
fn contexts_are_checked() {
    let (table, _) = dark(1, 50);
    let columns = Columns::of(&table).unwrap();
    let options = InsightOptions::default();
    assert!(Context::new(&table, &columns, &[None; 49], None, options).is_err());
    assert!(Context::new(&table, &columns, &[], Some(&scores(51, 2, |_, _| 0.0)), options).is_err());
    let (other, _) = dark(1, 51);
    assert!(Context::new(&other, &columns, &[], None, options).is_err());
    let wrong = |change: fn(&mut InsightOptions)| {
        let mut options = InsightOptions::default();
        change(&mut options);
        Context::new(&table, &columns, &[], None, options).is_err()
    };
    assert!(wrong(|options| options.level = 0.0));
    assert!(wrong(|options| options.smallest = 1.5));
    assert!(wrong(|options| options.least_effect = f64::NAN));
    assert!(wrong(|options| options.bootstrap.level = 1.0));
}
