use base64::Engine;
use leap_binder::contract::DataState;
use leap_binder::explain::{Faithfulness, HeatMap};
use leap_binder::explore::{Matrix, Metric, Neighbours};
use leap_binder::imaging::Image;
use leap_binder::metrics::{Bootstrap, ClassificationReport, Predictions};
use leap_binder::report::{CheckRow, CheckSummary, ClusterFacts, DISCLAIMER, MethodNote, Picture, Report, Shortcut};
use sha2::{Digest, Sha256};

use crate::common::{insights, json, points, table};

/// A page with every part.
fn whole() -> String {
    let table = table(40, 24);
    let points = points(40);
    let insights = insights(&table);
    let neighbours = Neighbours::of(&Matrix::from_rows(&points).unwrap(), 5, Metric::Euclidean);
    let clusters: Vec<Option<usize>> = (0..40).map(|row| (row % 5 > 0).then_some(row % 2)).collect();
    let truth: Vec<usize> = table.rows.iter().map(|row| row.label.unwrap()).collect();
    let probabilities = table.rows.iter().flat_map(|row| row.probabilities.clone());
    let predictions = Predictions::new(["normal", "virus"], truth, probabilities).unwrap();
    let scores = ClassificationReport::new(&predictions, &Bootstrap::default()).unwrap();
    let map = HeatMap::new("grad_cam", "virus", 2, 2, vec![0.0, 1.0, 2.0, 3.0], false).unwrap();
    let image = Image::grey(400, 200, vec![90; 80_000]).unwrap();
    let facts = ClusterFacts {
        cluster: 1,
        purity: Some(0.75),
        features: vec![("image_mean".into(), "bright".into())],
        ..ClusterFacts::default()
    };
    Report::new("A title", &table)
        .map(&points, "t-SNE, trustworthiness 0.97")
        .clusters(&clusters, [facts])
        .neighbours(&neighbours)
        .insights(&insights)
        .metrics(DataState::Test, &scores)
        .facts([("weights", "densenet201")])
        .check(CheckSummary {
            passed: false,
            summary: "One of two failed.".into(),
            rows: vec![CheckRow { name: "input image".into(), status: "failed".into(), ..CheckRow::default() }],
        })
        .shortcuts([Shortcut { column: "border".into(), score: 0.7, chance: 0.5, ..Shortcut::default() }])
        .pictures([Picture { row: 7, image, heat_maps: vec![(map, None)] }])
        .methods([MethodNote { name: "t-SNE".into(), text: "Barnes-Hut".into(), ..MethodNote::default() }])
        .html()
        .unwrap()
}

#[test]
fn everything_given_is_shown_without_a_script() {
    let html = whole();
    let plain = html.split_once("<script").unwrap().0;
    for text in [
        DISCLAIMER,
        "A title",
        "t-SNE, trustworthiness 0.97",
        "balanced accuracy",
        "confusion matrix",
        "share right",
        "A group with high loss",
        "pixels_count_3..9",
        "cross_entropy",
        "95 % interval 1.25 to 1.75",
        "Suspected label errors",
        "labelled virus, probably normal",
        "Worst samples",
        "grad_cam: virus",
        "by cluster",
        "bright",
        "<th scope=\"col\">purity</th>",
        "input image",
        "border",
        "Barnes-Hut",
        "40 of 40 samples have a small picture",
    ] {
        assert!(plain.contains(text), "{text:?} is missing");
    }
}

#[test]
fn columns_of_clusters_of_which_nothing_is_known_are_not_shown() {
    let html = whole();
    assert!(!html.contains("<th scope=\"col\">silhouette</th>") && !html.contains("<th scope=\"col\">stability</th>"));
}

#[test]
fn metrics_below_zero_have_a_bar_from_minus_one() {
    // One of four right in either class: MCC and kappa are -0.5.
    let truth = vec![0, 0, 0, 0, 1, 1, 1, 1];
    let predicted = [0, 1, 1, 1, 1, 0, 0, 0];
    let probabilities = predicted.iter().flat_map(|&class| if class == 0 { [0.9, 0.1] } else { [0.1, 0.9] });
    let predictions = Predictions::new(["normal", "virus"], truth, probabilities).unwrap();
    let scores = ClassificationReport::new(&predictions, &Bootstrap::default()).unwrap();
    let table = table(8, 0);
    let html = Report::new("", &table).metrics(DataState::Test, &scores).html().unwrap();
    let row = |name: &str| {
        let (_, rest) = html.split_once(&format!("<th scope=\"row\">{name}</th>")).unwrap();
        rest.split_once("</tr>").unwrap().0.to_owned()
    };
    for name in ["MCC", "Cohen’s kappa"] {
        let row = row(name);
        assert!(row.contains("-0.500") && row.contains("M0 4H100M50 0V8\"") && row.contains("d=\"M25 0V8\""), "{row}");
    }
    assert!(row("accuracy").contains("M0 4H100\"") && row("accuracy").contains("d=\"M25 0V8\""));
    assert!(!row("log loss").contains("<svg"));
}

#[test]
fn the_policy_names_exactly_this_style_and_this_script() {
    let html = whole();
    let policy = html.split("Content-Security-Policy\" content=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(policy.starts_with("default-src 'none'; ") && policy.contains("img-src data:;"), "{policy}");
    let hash = |text: &str| base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text.as_bytes()));
    let between = |start: &str, end: &str| html.split_once(start).unwrap().1.split_once(end).unwrap().0.to_owned();
    let (style, script) = (between("<style>", "</style>"), between("<script>", "</script>"));
    assert!(policy.contains(&format!("style-src 'sha256-{}'", hash(&style))));
    assert!(policy.contains(&format!("script-src 'sha256-{}'", hash(&script))));
    assert!(!html.contains(" style=\"") && !html.contains(" onclick="), "the policy would refuse these");
}

#[test]
fn nothing_points_outside_the_file() {
    let html = whole();
    // The name of SVG is no address that is fetched.
    let html = html.replace("\"http://www.w3.org/2000/svg\"", "");
    for address in ["http://", "https://", "//cdn", "@import", "url(", "<link", "<iframe"] {
        assert!(!html.contains(address), "{address}");
    }
    for script in
        ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "fetch(", "XMLHttpRequest"]
    {
        assert!(!html.contains(script), "{script}");
    }
}

#[test]
fn equal_input_gives_equal_bytes_for_any_number_of_threads() {
    let with = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(whole);
    let one = with(1);
    assert!(one == with(2) && one == with(4));
}

#[test]
fn the_data_come_back_from_the_page() {
    let html = whole();
    let data = json(&html, "data");
    assert_eq!(data["count"], 40);
    assert_eq!(data["ids"][3], "patient00003_scan");
    let unpacked =
        |text: &serde_json::Value| base64::engine::general_purpose::STANDARD.decode(text.as_str().unwrap()).unwrap();
    let table = table(40, 24);
    let losses: Vec<f32> =
        unpacked(&data["losses"][0]["values"]).as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let expected: Vec<f32> = table.rows.iter().map(|row| row.losses[0].unwrap()).collect();
    assert_eq!(losses, expected);
    let found: Vec<f32> =
        unpacked(&data["points"]).as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    assert_eq!(found, points(40).concat());
    let rows: Vec<u32> =
        unpacked(&data["insights"][0]["rows"]).as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
    assert_eq!(rows, [0, 1, 2]);
    // A bin comes back within half a step of the root's 255.
    let histograms = json(&html, "histograms");
    let roots = unpacked(&histograms["roots"]);
    assert_eq!(roots.len(), 40 * 32);
    let counts: Vec<f64> = table.rows[0].metadata[3..].iter().map(|value| value.to_string().parse().unwrap()).collect();
    let top = counts.iter().copied().fold(0.0, f64::max);
    for (count, root) in counts.iter().zip(&roots) {
        assert!(((count / top).sqrt() * 255.0 - f64::from(*root)).abs() <= 0.5);
    }
    assert_eq!(json(&html, "sprites")["sizes"].as_array().unwrap().len(), 40);
}

#[test]
fn a_heat_map_says_how_far_it_can_be_trusted() {
    let table = table(8, 0);
    let said = |found: Faithfulness| {
        let map = HeatMap::new("grad_cam", "virus", 2, 2, vec![0.0, 1.0, 2.0, 3.0], false).unwrap();
        let image = Image::grey(8, 8, vec![90; 64]).unwrap();
        let picture = Picture { row: 7, image, heat_maps: vec![(map, Some(found))] };
        let html = Report::new("Trust", &table).pictures([picture]).html().unwrap();
        html.split_once("data-trust=\"").unwrap().1.split_once('"').unwrap().0.to_owned()
    };
    let mut found = Faithfulness::default();
    (found.deletion_auc, found.insertion_auc, found.border_share) = (0.2, 0.8, 0.12);
    (found.chance_deletion_auc, found.chance_insertion_auc) = (Some(0.45), Some(0.625));
    assert_eq!(
        said(found),
        "Faithful by this test: deletion AUC 0.200 (0.450 by chance, low is good), \
         insertion AUC 0.800 (0.625 by chance, high is good), 12 % of the heat on the border."
    );
    found.chance_insertion_auc = Some(0.875);
    (found.chance_deletion_auc, found.randomised_correlation) = (Some(0.25), Some(-0.13));
    let sentence = said(found);
    assert!(sentence.starts_with("No better than chance: deletion AUC 0.200 (0.250 by chance"), "{sentence}");
    assert!(sentence.ends_with("correlation with a randomised model -0.13."), "{sentence}");
    found.randomised_correlation = Some(0.9);
    assert!(said(found).starts_with("Blind to the model: random weights give much the same map:"));
    (found.chance_deletion_auc, found.chance_insertion_auc, found.randomised_correlation) = (None, None, None);
    let sentence = said(found);
    assert!(sentence.starts_with("Faithful by this test: deletion AUC 0.200 (chance not measured"), "{sentence}");
}
