//! A small table with everything in it.

use leap_binder::contract::{DataState, MetadataValue};
use leap_binder::evaluate::{SampleRow, SampleTable};
use leap_binder::explore::{Difference, Evidence, Gap, Insight, InsightKind, LabelIssue, Pair};
use leap_binder::imaging::Image;
use leap_binder::rng::SplitMix64;

/// `count` samples of two classes with 32 histogram bins, pictures of `side` pixels and ids `patient<n>_scan`.
pub(crate) fn table(count: usize, side: usize) -> SampleTable {
    let mut rng = SplitMix64::new(3);
    let mut table = SampleTable::new(["normal", "virus"]);
    table.attributes = vec!["file".into(), "patient".into()];
    table.losses = vec!["cross_entropy".into()];
    table.metrics = vec!["top_two".into()];
    table.metadata = vec!["image_mean".into(), "scanner".into(), "portable".into()];
    table.metadata.extend((0..32).map(|bin| format!("pixels_count_{bin}")));
    for place in 0..count {
        let share = rng.below(1000) as f64 / 1000.0;
        let state = [DataState::Training, DataState::Validation, DataState::Test][place % 3];
        let mut row = SampleRow::new(format!("patient{place:05}_scan"), state, vec![share, 1.0 - share]);
        row.label = Some(place % 2);
        row.losses = vec![Some(rng.below(3000) as f32 / 1000.0)];
        row.metrics = vec![Some(share as f32)];
        row.attributes = vec![format!("folder/secret{place:05}.jpeg"), format!("mrn{:05}", 77_000 + place / 2)];
        row.metadata = vec![(share * 255.0).into(), ["east", "west"][rng.below(2)].into(), (rng.below(2) == 0).into()];
        row.metadata.extend((0..32).map(|bin| MetadataValue::from((rng.below(500) * (bin + 1)) as i64)));
        if side > 0 {
            row.thumbnail =
                Some(Image::grey(side, side, (0..side * side).map(|_| rng.below(256) as u8).collect()).unwrap());
        }
        table.rows.push(row);
    }
    table
}

pub(crate) fn points(count: usize) -> Vec<[f32; 2]> {
    let mut rng = SplitMix64::new(9);
    (0..count).map(|_| [rng.below(1000) as f32, rng.below(700) as f32]).collect()
}

/// One insight with each kind of evidence.
pub(crate) fn insights(table: &SampleTable) -> Vec<Insight> {
    let mut difference = Difference::default();
    difference.column = "pixels_count_3..9".into();
    difference.columns = (3..10).map(|bin| format!("pixels_count_{bin}")).collect();
    (difference.inside, difference.outside, difference.effect, difference.p_adjusted) = (12.5, 3.25, 0.75, 0.0001);
    let mut gap = Gap::default();
    gap.metric = "cross_entropy".into();
    (gap.inside, gap.outside, gap.difference, gap.low, gap.high, gap.level) = (2.0, 0.5, 1.5, 1.25, 1.75, 0.95);
    let mut low = Insight::new(
        InsightKind::LowPerformance,
        0.8,
        "A group with high loss",
        format!("The worst is {}.", table.rows[0].id),
        vec![0, 1, 2],
        Evidence::Group {
            rule: "image_mean in [1, 2]".into(),
            cluster: Some(0),
            confusions: vec![("normal".into(), "virus".into(), 2)],
        },
    );
    (low.gap, low.p_adjusted) = (Some(gap), Some(0.01));
    low.differences = vec![difference];
    let mut pair = Pair::default();
    (pair.a, pair.b, pair.by) = (1, 2, "pixels");
    let twice = Insight::new(
        InsightKind::Duplication,
        0.4,
        "Twice the same",
        format!("{} and {} of {}.", table.rows[1].id, table.rows[2].id, table.rows[1].attributes[1]),
        vec![1, 2],
        Evidence::Pairs { pairs: vec![pair], total: 3 },
    );
    let mut issue = LabelIssue::default();
    (issue.given, issue.suggested, issue.self_confidence, issue.neighbours) = (1, 0, 0.04, 0.1);
    let labels = Insight::new(
        InsightKind::MislabeledSamples,
        0.3,
        "A label",
        "One label is probably wrong.",
        vec![3],
        Evidence::Labels { issues: vec![issue] },
    );
    vec![low, twice, labels]
}

/// The JSON in a `script` element of the page.
pub(crate) fn json(html: &str, id: &str) -> serde_json::Value {
    let start = format!("<script type=\"application/json\" id=\"{id}\">");
    let (_, rest) = html.split_once(&start).unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}
