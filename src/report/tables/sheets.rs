//! What the tables hold.

use super::super::cluster::ClusterLine;
use super::super::prepared::Prepared;
use super::sheet::{Cells, Sheet};
use super::{contest, scores};
use crate::explore::{Difference, Insight};

/// The tables of the parts that were given, without the samples'.
pub(super) fn all(report: &Prepared) -> Vec<Sheet> {
    let mut sheets = Vec::new();
    sheets.extend(map(report));
    if !report.insights.is_empty() {
        sheets.push(insights(report));
        sheets.push(differences(report));
    }
    if report.clusters.is_some() {
        sheets.push(clusters(report));
    }
    if !report.shortcuts.is_empty() {
        sheets.push(shortcuts(report));
    }
    if !report.metrics.is_empty() {
        sheets.push(scores::metrics(report));
        sheets.push(scores::confusion(report));
    }
    sheets.extend(scores::check(report));
    if let Some(comparison) = report.comparison.as_deref() {
        sheets.push(contest::scores(comparison));
        sheets.push(contest::tests(comparison));
    }
    sheets
}

pub(super) fn texts<T>(of: &[T], text: impl Fn(&T) -> String) -> Cells {
    Cells::Text(of.iter().map(|one| Some(text(one))).collect())
}

pub(super) fn numbers<T>(of: &[T], number: impl Fn(&T) -> Option<f64>) -> Cells {
    Cells::Number(of.iter().map(|one| number(one).filter(|number| number.is_finite())).collect())
}

pub(super) fn wholes<T>(of: &[T], whole: impl Fn(&T) -> Option<usize>) -> Cells {
    Cells::Whole(of.iter().map(|one| whole(one).map(|whole| whole as i64)).collect())
}

pub(super) fn sheet(name: &'static str, columns: Vec<(&str, Cells)>) -> Sheet {
    Sheet { name, columns: columns.into_iter().map(|(name, cells)| (name.to_owned(), cells)).collect() }
}

fn map(report: &Prepared) -> Option<Sheet> {
    let (points, _) = report.points.as_ref()?;
    let rows = &report.table.rows;
    let mut columns = vec![
        ("id", texts(rows, |row| row.id.to_string())),
        ("subset", texts(rows, |row| row.state.to_string())),
        ("x", numbers(points, |point| Some(f64::from(point[0])))),
        ("y", numbers(points, |point| Some(f64::from(point[1])))),
    ];
    if let Some((labels, _)) = &report.clusters {
        columns.push(("cluster", wholes(labels, |label| *label)));
    }
    Some(sheet("map", columns))
}

fn insights(report: &Prepared) -> Sheet {
    let all: &[Insight] = &report.insights;
    let gap = |pick: fn(&crate::explore::Gap) -> f64| numbers(all, move |insight| insight.gap.as_ref().map(pick));
    let names = |insight: &Insight| {
        let ids = insight.samples.iter().filter_map(|&row| report.table.rows.get(row)).map(|row| row.id.to_string());
        ids.collect::<Vec<_>>().join(";")
    };
    sheet(
        "insights",
        vec![
            ("kind", texts(all, |insight| insight.kind.as_str().to_owned())),
            ("severity", numbers(all, |insight| Some(insight.severity))),
            ("title", texts(all, |insight| insight.title.clone())),
            ("sentence", texts(all, |insight| insight.sentence.clone())),
            ("count", wholes(all, |insight| Some(insight.samples.len()))),
            ("p_value", numbers(all, |insight| insight.p_value)),
            ("p_adjusted", numbers(all, |insight| insight.p_adjusted)),
            (
                "metric",
                Cells::Text(all.iter().map(|insight| insight.gap.as_ref().map(|gap| gap.metric.clone())).collect()),
            ),
            ("inside", gap(|gap| gap.inside)),
            ("outside", gap(|gap| gap.outside)),
            ("difference", gap(|gap| gap.difference)),
            ("low", gap(|gap| gap.low)),
            ("high", gap(|gap| gap.high)),
            ("samples", texts(all, names)),
        ],
    )
}

fn differences(report: &Prepared) -> Sheet {
    let all: Vec<(usize, &Difference)> = (report.insights.iter().enumerate())
        .flat_map(|(place, insight)| insight.differences.iter().map(move |difference| (place, difference)))
        .collect();
    let number = |pick: fn(&Difference) -> f64| numbers(&all, move |(_, difference)| Some(pick(difference)));
    sheet(
        "differences",
        vec![
            ("insight", wholes(&all, |(place, _)| Some(*place))),
            ("column", texts(&all, |(_, difference)| difference.column.clone())),
            ("category", Cells::Text(all.iter().map(|(_, difference)| difference.category.clone()).collect())),
            ("inside", number(|difference| difference.inside)),
            ("outside", number(|difference| difference.outside)),
            ("mutual_information", number(|difference| difference.mutual_information)),
            ("effect", number(|difference| difference.effect)),
            ("p_value", number(|difference| difference.p_value)),
            ("p_adjusted", number(|difference| difference.p_adjusted)),
        ],
    )
}

fn clusters(report: &Prepared) -> Sheet {
    let all = ClusterLine::all(report);
    sheet(
        "clusters",
        vec![
            ("cluster", wholes(&all, |line| Some(line.cluster))),
            ("samples", wholes(&all, |line| Some(line.samples))),
            ("accuracy", numbers(&all, |line| line.accuracy)),
            ("mean_loss", numbers(&all, |line| line.loss)),
            ("purity", numbers(&all, |line| line.facts.purity)),
            ("silhouette", numbers(&all, |line| line.facts.silhouette)),
            ("stability", numbers(&all, |line| line.facts.stability)),
            ("features", texts(&all, ClusterLine::features)),
        ],
    )
}

fn shortcuts(report: &Prepared) -> Sheet {
    let all = &report.shortcuts;
    sheet(
        "shortcuts",
        vec![
            ("column", texts(all, |shortcut| shortcut.column.clone())),
            ("measure", texts(all, |shortcut| shortcut.measure.clone())),
            ("score", numbers(all, |shortcut| Some(shortcut.score))),
            ("chance", numbers(all, |shortcut| Some(shortcut.chance))),
            ("low", numbers(all, |shortcut| shortcut.low)),
            ("high", numbers(all, |shortcut| shortcut.high)),
            ("p_adjusted", numbers(all, |shortcut| shortcut.p_adjusted)),
        ],
    )
}

/// The samples, with the columns of [`SampleTable::write_csv`](crate::evaluate::SampleTable::write_csv), each of one type.
#[cfg(feature = "parquet")]
pub(super) fn samples(report: &Prepared) -> Sheet {
    let (table, rows) = (&report.table, &report.table.rows);
    let mut columns = vec![
        ("id".to_owned(), texts(rows, |row| row.id.to_string())),
        ("subset".to_owned(), texts(rows, |row| row.state.to_string())),
    ];
    for (place, name) in table.attributes.iter().enumerate() {
        let cells = Cells::Text(rows.iter().map(|row| row.attributes.get(place).cloned()).collect());
        columns.push((name.clone(), cells));
    }
    let label = rows.iter().map(|row| row.label.map(|label| table.class(label).to_owned()));
    columns.push(("label".to_owned(), Cells::Text(label.collect())));
    columns.push(("prediction".to_owned(), texts(rows, |row| table.class(row.prediction).to_owned())));
    for (place, class) in table.classes.iter().enumerate() {
        columns.push((format!("probability_{class}"), numbers(rows, |row| row.probabilities.get(place).copied())));
    }
    for (place, name) in table.losses.iter().enumerate() {
        let name = if place == 0 { "loss".to_owned() } else { format!("loss_{name}") };
        columns.push((name, numbers(rows, |row| row.losses.get(place).copied().flatten().map(f64::from))));
    }
    for (place, name) in table.metrics.iter().enumerate() {
        let value = numbers(rows, |row| row.metrics.get(place).copied().flatten().map(f64::from));
        columns.push((format!("metric_{name}"), value));
    }
    for (place, name) in table.metadata.iter().enumerate() {
        columns.push((name.clone(), metadata(report, place)));
    }
    Sheet { name: "samples", columns }
}

/// One metadata column: whole numbers, numbers or booleans where all values are, else texts.
#[cfg(feature = "parquet")]
fn metadata(report: &Prepared, place: usize) -> Cells {
    use super::super::columns::numeric;
    use crate::contract::MetadataValue;

    let values = || report.table.rows.iter().map(|row| row.metadata.get(place).unwrap_or(&MetadataValue::Absent));
    let known = || values().filter(|value| !value.is_absent());
    let whole = |value: &MetadataValue| match value {
        MetadataValue::Int(value) => Some(*value),
        _ => None,
    };
    let flag = |value: &MetadataValue| match value {
        MetadataValue::Bool(value) => Some(*value),
        _ => None,
    };
    match () {
        () if known().all(|value| whole(value).is_some()) => Cells::Whole(values().map(whole).collect()),
        () if known().all(|value| numeric(value).is_some()) => Cells::Number(values().map(numeric).collect()),
        () if known().all(|value| flag(value).is_some()) => Cells::Flag(values().map(flag).collect()),
        () => Cells::Text(values().map(|value| (!value.is_absent()).then(|| value.to_string())).collect()),
    }
}
