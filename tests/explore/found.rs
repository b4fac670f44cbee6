//! Each plant is found: the right kind, the right samples, the right columns.

use leap_binder::contract::DataState;
use leap_binder::explore::{Evidence, Insight, InsightKind, differences};

use crate::planted::{PLANTED, Rows};

pub(crate) fn of_kind(kind: InsightKind) -> impl Iterator<Item = &'static Insight> {
    PLANTED.found.insights.iter().filter(move |insight| insight.kind == kind)
}

/// The one insight of a kind whose title has these words.
fn the(kind: InsightKind, words: &str) -> &'static Insight {
    let titles: Vec<&str> = of_kind(kind).map(|insight| insight.title.as_str()).collect();
    let mut found = of_kind(kind).filter(|insight| insight.title.contains(words));
    let first = found.next().unwrap_or_else(|| panic!("no {kind} with {words:?} among {titles:?}"));
    assert!(found.next().is_none(), "several {kind} with {words:?}: {titles:?}");
    first
}

/// Precision and recall of an insight's samples.
pub(crate) fn judged(samples: impl IntoIterator<Item = usize>, truth: &Rows) -> [f64; 2] {
    let samples: Rows = samples.into_iter().collect();
    let both = samples.intersection(truth).count() as f64;
    [both / samples.len() as f64, both / truth.len() as f64]
}

fn states(state: impl Fn(DataState) -> bool) -> impl Fn(&usize) -> bool {
    move |&row| state(PLANTED.table.rows[row].state)
}

#[test]
fn flipped_labels_are_found() {
    let suspects: Vec<&Insight> = of_kind(InsightKind::MislabeledSamples).collect();
    assert_eq!(suspects.len(), 2, "one of unseen samples, one of training");
    let all = suspects.iter().flat_map(|insight| insight.samples.iter().copied());
    let [precision, recall] = judged(all, &PLANTED.plants.flipped);
    println!("30 flipped labels: precision {precision:.3}, recall {recall:.3}");
    assert!(precision >= 0.9 && recall >= 0.9, "{precision} {recall}");
    for insight in suspects {
        let Evidence::Labels { issues } = &insight.evidence else { panic!("{:?}", insight.evidence) };
        assert_eq!(issues.len(), insight.samples.len());
        for (issue, &row) in issues.iter().zip(&insight.samples).filter(|(_, row)| PLANTED.plants.flipped.contains(row))
        {
            // The class whose corner of the latent space the sample lies in is the one that it was drawn from.
            let latent = &PLANTED.table.rows[row].latent;
            let drawn_from = (0..3).max_by(|&a, &b| latent[a].total_cmp(&latent[b])).unwrap();
            assert_eq!((Some(issue.given), issue.suggested), (PLANTED.table.rows[row].label, drawn_from));
        }
    }
}

#[test]
fn copies_within_a_subset_are_found() {
    for (words, pairs) in
        [("Equal samples", &PLANTED.plants.equal_within), ("Near duplicates", &PLANTED.plants.near_within)]
    {
        let insight = the(InsightKind::Duplication, words);
        let truth: Rows = pairs.iter().flat_map(|&(row, copy)| [row, copy]).collect();
        assert_eq!(judged(insight.samples.iter().copied(), &truth), [1.0, 1.0], "{}", insight.sentence);
        let Evidence::Pairs { pairs: told, total } = &insight.evidence else { panic!("{:?}", insight.evidence) };
        let mut told: Vec<(usize, usize)> = told.iter().map(|pair| (pair.a, pair.b)).collect();
        told.sort_unstable();
        assert_eq!((&told, *total), (pairs, pairs.len()));
        assert!(insight.sentence.contains("12 samples (12 in training)"), "{}", insight.sentence);
    }
}

#[test]
fn copies_across_subsets_are_found() {
    for (words, pairs, sentence) in [
        ("Equal samples in training and test", &PLANTED.plants.equal_across, "8 of "),
        ("Near duplicates in training and validation", &PLANTED.plants.near_across, "6 of "),
    ] {
        let insight = the(InsightKind::DataLeakage, words);
        let truth: Rows = pairs.iter().map(|&(_, copy)| copy).collect();
        assert_eq!(judged(insight.samples.iter().copied(), &truth), [1.0, 1.0], "{}", insight.sentence);
        assert!(insight.sentence.starts_with(sentence), "{}", insight.sentence);
        assert!(insight.p_value.is_none(), "a fact");
    }
}

#[test]
fn a_patient_in_two_subsets_is_found() {
    let insight = the(InsightKind::DataLeakage, "Same patient in training and test");
    let [_, in_test] = &PLANTED.plants.patient;
    assert_eq!(judged(insight.samples.iter().copied(), in_test), [1.0, 1.0]);
    let Evidence::Pairs { pairs, .. } = &insight.evidence else { panic!("{:?}", insight.evidence) };
    assert!(pairs.iter().all(|pair| pair.by == "attribute"));
    assert!(insight.sentence.contains("share their patient with samples of training"), "{}", insight.sentence);
}

#[test]
fn the_dark_group_is_found() {
    // The mean and the histogram's dark blocks tell the same rows, so either may be the rule.
    let insight = the(InsightKind::LowPerformance, "High loss with");
    let rules = ["image_mean below", "pixels_count_32..63 of", "pixels_count_64..95 of"];
    assert!(rules.iter().any(|rule| insight.title.contains(rule)), "{}", insight.title);
    let [precision, recall] = judged(insight.samples.iter().copied(), &PLANTED.plants.dark);
    println!("dark group: precision {precision:.3}, recall {recall:.3}; {}", insight.sentence);
    assert!(precision >= 0.75 && recall >= 0.95, "{precision} {recall}");
    let mean = insight.differences.iter().find(|difference| difference.column == "image_mean").unwrap();
    assert!(mean.effect < -0.85 && mean.inside < 80.0 && mean.outside > 110.0, "{mean:?}");
    let gap = insight.gap.as_ref().unwrap();
    assert!(gap.metric == "cross_entropy" && gap.low > 0.3, "{gap:?}");
    assert_eq!(PLANTED.found.insights[0].kind, InsightKind::LowPerformance, "nothing is worse than that");
}

#[test]
fn the_odd_group_is_found() {
    let insight = the(InsightKind::OutOfDistribution, "");
    let [precision, recall] = judged(insight.samples.iter().copied(), &PLANTED.plants.odd);
    println!("odd group: precision {precision:.3}, recall {recall:.3}; {}", insight.sentence);
    assert!(precision >= 0.9 && recall == 1.0, "{precision} {recall}");
    // Their histograms are narrow: more pixels around the middle, and a small deviation.
    let effect = |column: &str| {
        let mut named = insight.differences.iter().filter(|one| one.columns.iter().any(|name| name == column));
        named.next().unwrap().effect
    };
    assert!(effect("pixels_count_120") > 0.95 && effect("image_std") < -0.95, "{:?}", insight.differences);
    let in_training = insight.samples.iter().filter(|row| states(|state| state == DataState::Training)(row)).count();
    assert!(insight.sentence.contains(&format!("{in_training} in training")), "{}", insight.sentence);
}

#[test]
fn the_marker_is_the_first_shortcut() {
    let shortcuts = &PLANTED.found.shortcuts;
    for shortcut in &shortcuts.ranked[..3] {
        println!("{} {:.3} {:.3}", shortcut.column, shortcut.balanced_accuracy, shortcut.information);
    }
    let first = &shortcuts.ranked[0];
    assert_eq!(first.column, "border_corner_marks");
    // Nine of ten bacteria, all of one of the other two classes and none of the other.
    assert!((first.balanced_accuracy - 1.9 / 3.0).abs() < 0.06, "{}", first.balanced_accuracy);
    assert!(first.p_adjusted < 1e-20 && shortcuts.label_copies.is_empty() && shortcuts.chance == 1.0 / 3.0);
}

#[test]
fn clusters_are_the_classes_and_the_odd_group() {
    let latent = PLANTED.found.latent.as_ref().unwrap();
    let groups = latent.groups();
    let purity = groups.purity.as_ref().unwrap();
    println!("clusters {:?}, purity {:?}, kNN {:?}", groups.sizes, purity.overall, purity.knn);
    assert_eq!(groups.sizes.len(), 4);
    assert_eq!(judged(groups.members(3), &PLANTED.plants.odd), [1.0, 1.0], "the smallest");
    // All but the flipped labels.
    assert!((0.93..=0.97).contains(&purity.overall.unwrap()), "{purity:?}");
    assert!(latent.projection.trustworthiness.unwrap() > 0.85);
}

#[test]
fn one_call_tells_the_two_kinds_of_pneumonia_apart() {
    let rows = |group: &Rows| group.iter().copied().collect::<Vec<usize>>();
    let (bright, dim) = (rows(&PLANTED.plants.bright), rows(&PLANTED.plants.dim));
    let found = differences(&PLANTED.table, &bright, &dim).unwrap();
    let with = |column: &str| found.iter().find(|difference| difference.columns.iter().any(|name| name == column));
    let [rich, poor] = ["pixels_count_223", "pixels_count_199"].map(|column| with(column).unwrap());
    println!("{} {:.2}, {} {:.2}", rich.column, rich.effect, poor.column, poor.effect);
    assert!(rich.effect > 0.9 && poor.effect < -0.9);
    for (range, bump) in [(rich, 223i32), (poor, 199)] {
        assert!((10..=24).contains(&range.columns.len()), "a range, not bins one by one: {}", range.column);
        let bins = range.columns.iter().map(|name| name.rsplit('_').next().unwrap().parse::<i32>().unwrap());
        assert!(bins.into_iter().all(|bin| (bin - bump).abs() <= 13), "{}", range.column);
    }
    let (mean, deviation) = (with("image_mean").unwrap(), with("image_std").unwrap());
    assert!(mean.inside > mean.outside && mean.effect > 0.2, "brighter: {mean:?}");
    assert!(deviation.inside > deviation.outside && deviation.effect > 0.5, "wider: {deviation:?}");
    // 256 bins come down to a few lines; what was drawn alike for both is not among them.
    assert!(found.len() <= 12, "{:?}", found.iter().map(|difference| &difference.column).collect::<Vec<_>>());
    for column in ["exposure_p01", "exposure_p99", "border_corner_marks", "original_width"] {
        assert!(with(column).is_none(), "{column}");
    }
}
