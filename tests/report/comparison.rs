//! Several models on one page and in the tables beside it.

use leap_binder::compare::{CompareOptions, Comparison, Contender, Cost, Speed, compare};
use leap_binder::contract::DataState;
use leap_binder::metrics::{Bootstrap, Predictions, Score};
use leap_binder::report::Report;
use leap_binder::rng::SplitMix64;

use crate::common::table;

/// `names` of falling quality on 60 samples, the last without cost.
fn comparison(names: &[&str]) -> Comparison {
    let y_true: Vec<usize> = (0..60).map(|sample| sample % 2).collect();
    let contenders = names.iter().enumerate().map(|(place, name)| {
        let mut rng = SplitMix64::new(place as u64);
        let rows = y_true.iter().flat_map(|truth| {
            let sure = 0.6 + rng.below(300) as f64 / 1000.0;
            let right = rng.below(100) > 45 * place.min(1) + 5;
            if right == (*truth == 0) { [sure, 1.0 - sure] } else { [1.0 - sure, sure] }
        });
        let predictions = Predictions::new(["normal", "virus"], y_true.clone(), rows.collect::<Vec<_>>()).unwrap();
        let ids = (0..60).map(|id| format!("patient{id:05}_scan"));
        let contender = Contender::from_predictions(*name, DataState::Test, ids.clone(), &predictions).unwrap();
        let speed = Speed { images: 8, rounds: 5, images_per_second: 12.5, slowest: 11.0, fastest: 13.0 };
        let cost = Cost { parameters: Some(18_098_627), speed: Some(speed), memory_bytes: Some(312_500_000) };
        let contender = contender.and(DataState::Validation, ids, &predictions).unwrap();
        if place + 1 < names.len() { contender.with_cost(cost) } else { contender }
    });
    let bootstrap = Bootstrap { resamples: 100, ..Bootstrap::default() };
    let options = CompareOptions { bootstrap, ranking: Score::LogLoss, ..CompareOptions::default() };
    compare(&contenders.collect::<Vec<_>>(), &options).unwrap()
}

/// The part of the page between the section's ends.
fn section(html: &str) -> &str {
    html.split_once("<section id=\"comparison\"").unwrap().1.split_once("</section>").unwrap().0
}

#[test]
fn the_section_holds_scores_tests_and_the_ranking() {
    let (table, found) = (table(12, 0), comparison(&["net", "<line>"]));
    let html = Report::new("Compared", &table).comparison(&found).html().unwrap();
    assert!(html.contains("<a href=\"#comparison\">Comparison</a>"));
    let section = section(&html);
    for text in [
        "By log loss on 60 test samples, lower is better: 1. net",
        "60 labelled samples of test, the same for all.",
        "<small>group 1</small>",
        "balanced accuracy",
        "ROC-AUC of virus",
        "log loss, scaled",
        "<td>18,098,627</td><td>–</td>",
        "temperature, of 60 validation samples",
        "<td>12.5 [11.0, 13.0]</td>",
        "<td>312.5</td>",
        "net − &#60;line&#62;",
        "McNemar, exact",
        "paired bootstrap",
        "DeLong",
    ] {
        assert!(section.contains(text), "{text}: {section}");
    }
    assert!(!html.contains("<line>"));
    let verdicts = found.pairs[0].tests.iter().filter(|test| test.is_significant(0.05)).count();
    assert_eq!(section.matches("<td class=\"text\">significant</td>").count(), verdicts);
    assert_eq!(section.matches("<td class=\"text\">not significant</td>").count(), 6 - verdicts);
    // Each column and each row has a head that screen readers announce.
    assert_eq!(section.matches("<th scope=\"row\"").count(), 10 + 1 + 4 + 3 + 6);
    assert_eq!(section.matches("<caption class=\"sr\">").count(), 2);
    assert!(html.contains("Davison, Hinkley, 1997") && html.contains("<dt><bdi>correction</bdi></dt>"));
    let without = Report::new("Compared", &table).html().unwrap();
    assert!(!without.contains("id=\"comparison\"") && !without.contains("Davison"));
}

#[test]
fn many_contenders_are_cut_on_the_page_and_whole_in_the_tables() {
    let names: Vec<String> = (0..14).map(|place| format!("model {place}")).collect();
    let found = comparison(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let table = table(12, 0);
    let report = Report::new("Compared", &table).comparison(&found);
    let html = report.html().unwrap();
    assert!(section(&html).contains("2 contenders more in the tables"));
    assert_eq!(section(&html).matches("<th scope=\"row\" title=").count(), 12 * 11 / 2 * 6);
    let folder = tempfile::tempdir().unwrap();
    report.write_tables(folder.path()).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("comparison_tests.csv").lines().count(), 1 + 14 * 13 / 2 * 6);
    let scores = read("comparison.csv");
    assert!(scores.starts_with("contender,metric,value,low,high\nmodel 0,balanced_accuracy,0."));
    assert!(scores.contains("\nmodel 0,images_per_second,12.5,11,13\n") && scores.contains("\nmodel 13,rank,"));
    assert!(!scores.contains("\nmodel 13,parameters,"));
    let records: Vec<serde_json::Value> = serde_json::from_str(&read("comparison_tests.json")).unwrap();
    assert_eq!(records[0]["first"], "model 0");
    assert_eq!(records[0]["p_value"].as_f64(), found.pairs[0].tests[0].p_value);
}

#[test]
fn a_private_page_calls_contenders_by_no_file() {
    let table = table(12, 0);
    let found = comparison(&["folder/secret00003.jpeg", "patient00004_scan"]);
    let report = Report::new("Private", &table).comparison(&found).private(true);
    let folder = tempfile::tempdir().unwrap();
    report.write_tables(folder.path()).unwrap();
    let html = report.html().unwrap();
    let scores = std::fs::read_to_string(folder.path().join("comparison.csv")).unwrap();
    for text in [section(&html), &scores] {
        assert!(!text.contains("secret0") && !text.contains("patient0"), "{text}");
        assert!(text.contains("sample 4"), "{text}");
    }
}
