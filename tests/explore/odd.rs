//! Tables with as little, or as odd, as they can hold: explored as far as they go, or refused by name.

use leap_binder::Error;
use leap_binder::contract::DataState;
use leap_binder::evaluate::{SampleRow, SampleTable};
use leap_binder::explore::{ExploreOptions, explore};

use crate::draw::{Draw, explored};

/// Two classes, three columns, latents of four; every third sample is in test.
fn plain(rows: usize) -> SampleTable {
    let mut draw = Draw::new(rows as u64);
    let mut table = SampleTable::new(["no", "yes"]);
    table.attributes = vec!["patient".to_owned()];
    table.losses = vec!["cross_entropy".to_owned()];
    table.metadata = ["size", "site", "count"].map(str::to_owned).to_vec();
    for id in 0..rows {
        let state = if id % 3 == 2 { DataState::Test } else { DataState::Training };
        let mut row = SampleRow::new(format!("s{id}"), state, draw.probabilities(2, id % 2, 3.0, 0.5));
        row.attributes = vec![format!("p{id}")];
        row.label = Some(id % 2);
        row.losses = vec![Some(-row.probabilities[id % 2].ln() as f32)];
        row.metadata = vec![draw.normal().into(), ["A", "B"][draw.below(2)].into(), (draw.below(9) as i64).into()];
        row.latent = (0..4).map(|at| (draw.normal() + if at == id % 2 { 6.0 } else { 0.0 }) as f32).collect();
        table.rows.push(row);
    }
    table
}

/// The plain table of 60 rows, changed.
fn changed(change: impl Fn(&mut SampleRow)) -> SampleTable {
    let mut table = plain(60);
    table.rows.iter_mut().for_each(change);
    table
}

#[test]
fn few_rows_have_an_entry_each() {
    for rows in [0, 1, 2, 3] {
        let found = explored(&plain(rows));
        assert!(found.insights.is_empty(), "{rows} rows: {:?}", found.insights);
        let Some(latent) = found.latent else {
            assert_eq!(rows, 0, "without rows there is no latent space");
            continue;
        };
        assert_eq!(
            [latent.projection.points.len(), latent.clusters.labels.len(), latent.kmeans.labels.len()],
            [rows; 3]
        );
        assert!(latent.neighbours.indices.iter().all(|near| near.len() == rows - 1));
        assert!(latent.projection.points.iter().flatten().all(|value| value.is_finite()));
    }
}

#[test]
fn plain_rows_give_everything_and_no_insight() {
    let found = explored(&plain(60));
    assert!(found.insights.is_empty(), "{:?}", found.insights);
    assert_eq!(found.latent.unwrap().groups().sizes, [30, 30]);
    assert_eq!(found.shortcuts.ranked.len(), 3);
}

#[test]
fn one_class_has_no_shortcuts() {
    let found = explored(&changed(|row| row.label = Some(1)));
    assert!(found.shortcuts.ranked.is_empty() && found.latent.is_some());
}

#[test]
fn equal_predictions_say_nothing_of_labels() {
    let found = explored(&changed(|row| {
        (row.probabilities, row.prediction, row.losses) = (vec![0.5, 0.5], 0, vec![Some(0.5f32.ln().abs())]);
    }));
    assert!(found.insights.iter().all(|insight| insight.gap.as_ref().is_none_or(|gap| gap.metric != "cross_entropy")));
    assert_eq!(found.shortcuts.ranked.len(), 3);
}

#[test]
fn metadata_may_be_unknown_or_missing() {
    let unknown = explored(&changed(|row| row.metadata = vec![f64::NAN.into(); 3]));
    assert!(unknown.shortcuts.ranked.is_empty() && unknown.insights.is_empty());
    let mut table = changed(|row| row.metadata.clear());
    table.metadata.clear();
    let none = explored(&table);
    assert!(none.shortcuts.ranked.is_empty() && none.insights.is_empty() && none.latent.is_some());
}

#[test]
fn labels_losses_and_latents_may_be_missing() {
    let unlabelled = explored(&changed(|row| (row.label, row.losses) = (None, vec![None])));
    assert!(unlabelled.insights.is_empty() && unlabelled.shortcuts.ranked.is_empty());
    let latent = unlabelled.latent.unwrap();
    assert_eq!(latent.groups().sizes, [30, 30], "clusters need no labels");
    let mut table = changed(|row| row.losses.clear());
    table.losses.clear();
    assert!(explored(&table).insights.is_empty());
    let found = explored(&changed(|row| row.latent.clear()));
    assert!(found.latent.is_none() && found.insights.is_empty());
    assert_eq!(found.shortcuts.ranked.len(), 3);
}

#[test]
fn constant_latents_lie_at_one_point() {
    let found = explored(&changed(|row| row.latent = vec![1.5; 4]));
    let latent = found.latent.unwrap();
    assert!(latent.projection.points.iter().all(|point| *point == [0.0, 0.0]));
    assert!(latent.neighbours.distances.iter().flatten().all(|distance| *distance == 0.0));
    assert!(found.insights.is_empty(), "{:?}", found.insights);
}

#[test]
fn long_and_hostile_names_are_quoted_short_and_kept_whole() {
    let hostile = format!("<script>alert(1)</script>\u{0}\n{}", "x".repeat(10_000));
    let mut table = plain(120);
    table.metadata[0] = hostile.clone();
    table.losses[0] = hostile.clone();
    table.classes[1] = hostile.clone();
    for (place, row) in table.rows.iter_mut().enumerate() {
        row.id = format!("{hostile}{place}").into();
        row.attributes[0] = format!("{hostile}{}", place / 2);
        row.metadata[1] = hostile.as_str().into();
        if place % 6 < 2 {
            (row.metadata[0], row.losses[0]) = ((50.0 + place as f64).into(), Some(4.0 + place as f32));
        }
    }
    let found = explored(&table);
    let low = found.insights.iter().find(|insight| insight.title.contains("<script>")).unwrap();
    assert_eq!(low.differences[0].column, hostile, "whole in the data");
    for insight in &found.insights {
        for text in [&insight.title, &insight.sentence] {
            assert!(text.chars().count() < 700 && !text.contains(['\u{0}', '\n']), "{text:?}");
        }
    }
    assert!(found.shortcuts.ranked.iter().any(|shortcut| shortcut.column == hostile));
    let mut options = ExploreOptions::default();
    table.attributes[0] = hostile.clone();
    options.patient = hostile;
    let found = explore(&table, &options, &()).unwrap();
    let leak = found.insights.iter().find(|insight| insight.title.starts_with("Same <script>")).unwrap();
    for text in [&leak.title, &leak.sentence] {
        assert!(text.chars().count() < 400 && !text.contains(['\u{0}', '\n']), "{text:?}");
    }
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let refused = |change: fn(&mut SampleRow), words: &str| {
        let mut table = plain(30);
        change(&mut table.rows[17]);
        let error = explore(&table, &ExploreOptions::default(), &()).unwrap_err();
        assert!(matches!(error, Error::Argument { .. }), "{error:?}");
        assert!(error.to_string().contains(words), "{error} does not say {words:?}");
    };
    refused(|row| row.metadata.truncate(1), "3 metadata in every row");
    refused(|row| row.losses.clear(), "s17");
    refused(|row| row.attributes.clear(), "attributes");
    refused(|row| row.metrics.push(None), "metrics");
    refused(|row| row.probabilities.push(0.0), "2 probabilities");
    refused(|row| row.latent.truncate(3), "4 latent values");
    refused(|row| row.label = Some(2), "classes below 2");
    refused(|row| row.prediction = 9, "9 for sample s17");
    refused(|row| row.latent[2] = f32::NAN, "finite");
    refused(|row| row.latent[2] = f32::INFINITY, "finite");
    refused(|row| row.probabilities[1] = f64::NAN, "probabilities");
}
