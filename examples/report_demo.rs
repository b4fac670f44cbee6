//! The shortest use of the report: a made-up data set with findings planted in it, as one HTML file and its tables.
//!
//! ```sh
//! cargo run --example report_demo -- --out report.html
//! ```
//!
//! `--samples` sets their number, `--private` leaves out ids, `--tables` also writes the tables into a folder.

use std::path::PathBuf;

use clap::Parser;
use leap_binder::contract::DataState;
use leap_binder::evaluate::{SampleRow, SampleTable};
use leap_binder::explain::{Faithfulness, HeatMap};
use leap_binder::explore::{
    Difference, Evidence, Gap, Insight, InsightKind, LabelIssue, Matrix, Metric, Neighbours, Pair,
};
use leap_binder::imaging::Image;
use leap_binder::metrics::{Bootstrap, ClassificationReport, Predictions};
use leap_binder::report::{CheckRow, CheckSummary, ClusterFacts, MethodNote, Picture, Report, Shortcut};
use leap_binder::rng::SplitMix64;

#[derive(Parser)]
struct Arguments {
    /// Where the page goes.
    #[arg(long, default_value = "report.html")]
    out: PathBuf,
    /// A folder for the tables.
    #[arg(long)]
    tables: Option<PathBuf>,
    /// How many samples are made up.
    #[arg(long, default_value_t = 10_000)]
    samples: usize,
    /// Leaves out ids and file names.
    #[arg(long)]
    private: bool,
    /// The page's largest size in bytes.
    #[arg(long, default_value_t = 15_000_000)]
    max_bytes: usize,
}

/// Side of the made-up pictures.
const SIDE: usize = 64;

const CLASSES: [&str; 3] = ["normal", "bacteria", "virus"];

/// Where each group lies on the map, its class, its share in 16ths, and how dark it is.
const GROUPS: [([f64; 2], usize, usize, f64); 5] = [
    ([-6.0, 1.0], 0, 5, 1.0),
    ([4.0, 4.5], 1, 5, 1.0),
    ([4.5, -3.0], 2, 3, 1.0),
    ([0.5, -1.5], 2, 2, 0.9),
    ([8.5, 0.5], 1, 1, 0.45),
];

/// The group that the model does badly on.
const DARK: usize = 4;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let world = World::new(arguments.samples)?;
    let table = &world.table;
    let insights = insights(&world);
    let neighbours = Neighbours::of(&Matrix::from_rows(&world.points)?, 12, Metric::Euclidean);
    let metrics: Vec<(DataState, ClassificationReport)> = [DataState::Validation, DataState::Test]
        .into_iter()
        .filter_map(|state| Some((state, scored(table, state)?)))
        .collect();

    let mut report = Report::new("Made-up chest X-rays, a made-up model", table)
        .map(&world.points, "A made-up latent space of two dimensions, shown as it is.")
        .clusters(&world.clusters, cluster_facts())
        .neighbours(&neighbours)
        .insights(&insights)
        .facts([("data", "made up by a seeded generator"), ("model", "none"), ("weights", "none"), ("seed", "7")])
        .check(check())
        .shortcuts(shortcuts())
        .pictures(pictures(&world)?)
        .methods(methods())
        .private(arguments.private)
        .max_bytes(arguments.max_bytes);
    for (state, scores) in &metrics {
        report = report.metrics(*state, scores);
    }

    let written = report.write(&arguments.out)?;
    println!(
        "{}: {:.2} MB, {} samples, {} thumbnails, {} pictures, {} histograms",
        written.path.display(),
        written.bytes as f64 / 1e6,
        written.samples,
        written.thumbnails,
        written.pictures,
        written.histograms
    );
    if let Some(folder) = &arguments.tables {
        for path in report.write_tables(folder)? {
            println!("{}", path.display());
        }
    }
    Ok(())
}

/// The made-up samples.
struct World {
    table: SampleTable,
    points: Vec<[f32; 2]>,
    clusters: Vec<Option<usize>>,
    images: Vec<Image>,
    flipped: Vec<usize>,
}

impl World {
    fn new(samples: usize) -> Result<Self, Box<dyn std::error::Error>> {
        let mut rng = SplitMix64::new(7);
        let mut table = SampleTable::new(CLASSES);
        table.attributes = vec!["file".into(), "patient".into()];
        table.losses = vec!["categorical_crossentropy".into()];
        table.metadata =
            ["image_mean", "image_std", "border", "scanner", "portable", "exposure"].map(String::from).into();
        table.metadata.extend((0..256).map(|bin| format!("pixels_count_{bin}")));
        let mut world = Self { table, points: vec![], clusters: vec![], images: vec![], flipped: vec![] };
        for place in 0..samples {
            world.add(place, &mut rng)?;
        }
        Ok(world)
    }

    fn add(&mut self, place: usize, rng: &mut SplitMix64) -> Result<(), Box<dyn std::error::Error>> {
        let group = group(rng.below(16));
        let (centre, class, _, light) = GROUPS[group];
        let point = [0, 1].map(|axis| (centre[axis] + normal(rng) * if group == DARK { 0.5 } else { 1.2 }) as f32);
        let image = xray(class, light, rng)?;
        let logits: Vec<f64> = (0..3).map(|other| logit(group, other, class) + 1.1 * normal(rng)).collect();
        let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
        let probabilities: Vec<f64> = logits.iter().map(|logit| logit.exp() / sum).collect();
        let state = [DataState::Training, DataState::Training, DataState::Validation, DataState::Test][rng.below(4)];
        let mut row = SampleRow::new(format!("person{}_{}_{place}", place / 3, CLASSES[class]), state, probabilities);
        let flipped = rng.below(60) == 0;
        let label = if flipped { (class + 1) % 3 } else { class };
        if flipped {
            self.flipped.push(place);
        }
        row.label = (place % 97 != 96).then_some(label);
        row.losses = vec![row.label.map(|label| -row.probabilities[label].max(1e-9).ln() as f32)];
        row.attributes = vec![format!("chest_xray/{}/{place:05}.jpeg", CLASSES[class]), format!("person{}", place / 3)];
        row.metadata = metadata(&image, group, rng);
        row.thumbnail = Some(image.clone());
        self.table.rows.push(row);
        self.points.push(point);
        self.clusters.push((rng.below(20) > 0).then_some(group));
        self.images.push(image);
        Ok(())
    }

    /// The planted label errors that the model sees.
    fn suspects(&self) -> Vec<usize> {
        let seen = |row: &SampleRow| row.label.is_some_and(|label| label != row.prediction);
        self.flipped.iter().copied().filter(|&row| seen(&self.table.rows[row])).collect()
    }

    fn of_group(&self, group: usize) -> Vec<usize> {
        (0..self.clusters.len()).filter(|&row| self.clusters[row] == Some(group)).collect()
    }
}

fn group(draw: usize) -> usize {
    let ends = GROUPS.iter().scan(0, |end, (_, _, share, _)| {
        *end += share;
        Some(*end)
    });
    ends.take_while(|end| draw >= *end).count()
}

/// The model knows most groups and takes the dark bacteria for virus.
fn logit(group: usize, other: usize, class: usize) -> f64 {
    match (group, other) {
        (DARK, 2) => 2.0,
        (DARK, 1) => 0.8,
        _ if other == class => 3.2,
        _ => 0.0,
    }
}

/// Roughly normal: the sum of twelve even draws, less six.
fn normal(rng: &mut SplitMix64) -> f64 {
    (0..12).map(|_| rng.below(1 << 20) as f64 / f64::from(1 << 20)).sum::<f64>() - 6.0
}

/// Two dark lungs in a light chest, with what the class adds.
fn xray(class: usize, light: f64, rng: &mut SplitMix64) -> leap_binder::Result<Image> {
    let spot = [rng.below(SIDE) as f64, (SIDE / 3 + rng.below(SIDE / 3)) as f64];
    let mut pixels = Vec::with_capacity(SIDE * SIDE);
    for place in 0..SIDE * SIDE {
        let (x, y) = ((place % SIDE) as f64, (place / SIDE) as f64);
        let (u, v) = (x / SIDE as f64 - 0.5, y / SIDE as f64 - 0.5);
        let lung = (-((u.abs() - 0.22) / 0.13).powi(2) - ((v - 0.02) / 0.32).powi(2)).exp();
        let frame = if u.hypot(v) > 0.62 { 0.0 } else { 1.0 };
        let added = match class {
            1 => 70.0 * (-((x - spot[0]).powi(2) + (y - spot[1]).powi(2)) / 90.0).exp(),
            2 => 22.0 * lung,
            _ => 0.0,
        };
        let ribs = 9.0 * (y * 0.75 + (x - 32.0).abs() * 0.25).sin() * lung;
        let noise = rng.below(13) as f64 - 6.0;
        pixels.push((frame * light * (186.0 - 118.0 * lung + ribs + added) + noise).clamp(0.0, 255.0) as u8);
    }
    Image::grey(SIDE, SIDE, pixels)
}

fn metadata(image: &Image, group: usize, rng: &mut SplitMix64) -> Vec<leap_binder::contract::MetadataValue> {
    let mut counts = [0i64; 256];
    image.as_bytes().iter().for_each(|&level| counts[usize::from(level)] += 1);
    let pixels = image.as_bytes().len() as f64;
    let mean = image.as_bytes().iter().map(|&level| f64::from(level)).sum::<f64>() / pixels;
    let variance = image.as_bytes().iter().map(|&level| (f64::from(level) - mean).powi(2)).sum::<f64>() / pixels;
    let scanner = if group == DARK { "scanner C" } else { ["scanner A", "scanner B"][rng.below(2)] };
    let exposure = if rng.below(30) == 0 { f64::NAN } else { 1.0 + 0.1 * normal(rng) };
    let mut values = vec![mean.into(), variance.sqrt().into(), (rng.below(30) as i64).into(), scanner.into()];
    values.extend([(rng.below(3) == 0).into(), exposure.into()]);
    values.extend(counts.into_iter().map(Into::into));
    values
}

fn scored(table: &SampleTable, state: DataState) -> Option<ClassificationReport> {
    let rows: Vec<&SampleRow> = table.rows.iter().filter(|row| row.state == state && row.label.is_some()).collect();
    let truth: Vec<usize> = rows.iter().filter_map(|row| row.label).collect();
    let probabilities = rows.iter().flat_map(|row| row.probabilities.iter().copied());
    let predictions = Predictions::new(CLASSES, truth, probabilities).ok()?;
    ClassificationReport::new(&predictions, &Bootstrap { resamples: 200, ..Bootstrap::default() }).ok()
}

/// What was planted, as insights. A real report takes them from `explore`.
fn insights(world: &World) -> Vec<Insight> {
    let dark = world.of_group(DARK);
    let rows = &world.table.rows;
    let mut gap = Gap::default();
    let loss = |rows: Vec<&SampleRow>| {
        let losses: Vec<f64> = rows.iter().filter_map(|row| row.losses[0]).map(f64::from).collect();
        losses.iter().sum::<f64>() / losses.len().max(1) as f64
    };
    gap.metric = "categorical_crossentropy".into();
    gap.inside = loss(dark.iter().map(|&row| &rows[row]).collect());
    gap.outside = loss(rows.iter().enumerate().filter(|(row, _)| !dark.contains(row)).map(|(_, row)| row).collect());
    gap.difference = gap.inside - gap.outside;
    (gap.low, gap.high, gap.level) = (0.9 * gap.difference, 1.1 * gap.difference, 0.95);
    let difference = |column: &str, inside, outside, effect| {
        let mut difference = Difference::default();
        difference.column = column.into();
        difference.columns = vec![column.into()];
        (difference.inside, difference.outside, difference.effect) = (inside, outside, effect);
        (difference.mutual_information, difference.p_value, difference.p_adjusted) = (0.21, 1e-12, 1e-10);
        difference
    };
    let mut scanner = difference("scanner", 1.0, 0.0, 1.0);
    scanner.category = Some("scanner C".into());
    let rule = "cluster 4: image_mean in [41.2, 78.9]".to_owned();
    let confusions = vec![
        ("bacteria".into(), "virus".into(), dark.len() * 3 / 4),
        ("bacteria".into(), "normal".into(), dark.len() / 20),
    ];
    let mut low = Insight::new(
        InsightKind::LowPerformance,
        0.91,
        "Dark bacteria from scanner C are taken for virus",
        format!(
            "On {} samples of cluster 4 the mean loss is {:.2}, on all others {:.2}; most are true bacteria predicted virus.",
            dark.len(),
            gap.inside,
            gap.outside
        ),
        dark.clone(),
        Evidence::Group { rule, cluster: Some(DARK), confusions },
    );
    low.differences = vec![
        scanner,
        difference("image_mean", 61.0, 137.0, -0.97),
        difference("pixels_count_40..92", 2440.0, 610.0, 0.88),
    ];
    (low.gap, low.p_value, low.p_adjusted) = (Some(gap), Some(1e-9), Some(4e-8));

    let suspects = world.suspects();
    let issues = suspects.iter().map(|&row| {
        let mut issue = LabelIssue::default();
        (issue.given, issue.suggested) = (rows[row].label.unwrap_or_default(), rows[row].prediction);
        (issue.self_confidence, issue.neighbours) = (rows[row].probabilities[issue.given], 0.1);
        issue
    });
    let labels = Insight::new(
        InsightKind::MislabeledSamples,
        0.62,
        "Labels that are probably wrong",
        format!("{} labels disagree with model and neighbours.", suspects.len()),
        suspects.clone(),
        Evidence::Labels { issues: issues.collect() },
    );

    let mut pair = Pair::default();
    (pair.a, pair.b, pair.by) = (0, rows.len().saturating_sub(1), "pixels");
    let leak = Insight::new(
        InsightKind::DataLeakage,
        0.35,
        "The same patient in several subsets",
        format!("{} and {} are the same picture.", rows[pair.a].id, rows[pair.b].id),
        vec![pair.a, pair.b],
        Evidence::Pairs { pairs: vec![pair], total: 1 },
    );
    let outliers: Vec<usize> = (0..rows.len()).filter(|row| row % 211 == 5).collect();
    let scores = outliers.iter().map(|row| *row as f64 / rows.len() as f64).collect();
    let out = Insight::new(
        InsightKind::OutOfDistribution,
        0.18,
        "Samples unlike all others",
        format!("{} samples lie far from their neighbours.", outliers.len()),
        outliers,
        Evidence::Scores { what: "distance to the tenth neighbour".into(), scores },
    );
    vec![low, labels, leak, out]
}

fn cluster_facts() -> Vec<ClusterFacts> {
    let features = ["clear lungs", "one bright spot", "hazy lungs", "hazy lungs, a little dark", "dark, scanner C"];
    let facts = |(cluster, features): (usize, &str)| ClusterFacts {
        cluster,
        purity: Some(0.98),
        silhouette: Some(0.4 + 0.05 * cluster as f64),
        stability: Some(0.9 - 0.05 * cluster as f64),
        features: vec![(String::new(), features.to_owned())],
    };
    features.into_iter().enumerate().map(facts).collect()
}

fn check() -> CheckSummary {
    let row = |name: &str, status: &str, detail: &str| CheckRow {
        name: name.to_owned(),
        subset: "training".to_owned(),
        status: status.to_owned(),
        detail: detail.to_owned(),
    };
    CheckSummary {
        passed: true,
        summary: "3 functions on 3 subsets, one warning.".to_owned(),
        rows: vec![
            row("input image", "passed", "(224, 224, 3) f32"),
            row("ground truth classes", "passed", "(3) f32"),
            row("metadata exposure", "warning", "not a number on 3 % of samples"),
        ],
    }
}

fn shortcuts() -> Vec<Shortcut> {
    let shortcut = |column: &str, score: f64| Shortcut {
        column: column.to_owned(),
        measure: "balanced accuracy".to_owned(),
        score,
        chance: 1.0 / 3.0,
        low: Some(score - 0.02),
        high: Some(score + 0.02),
        p_adjusted: Some(if score > 0.4 { 1e-6 } else { 0.4 }),
    };
    vec![shortcut("image_std", 0.61), shortcut("scanner", 0.44), shortcut("border", 0.335)]
}

/// Pictures of the worst samples and of those whose labels are doubtful, with made-up heat.
fn pictures(world: &World) -> leap_binder::Result<Vec<Picture>> {
    let ids: Vec<String> = world.table.worst(24).into_iter().map(|row| row.id.to_string()).collect();
    let worst = world
        .table
        .rows
        .iter()
        .enumerate()
        .filter(|(_, row)| ids.contains(&row.id.to_string()))
        .map(|(place, _)| place);
    let rows: Vec<usize> = world.suspects().into_iter().take(24).chain(worst).collect();
    let picture = |row: usize| {
        let bump = |place: usize| {
            let (x, y) = ((place % 7) as f32 - (row % 7) as f32, (place / 7) as f32 - (row / 7 % 7) as f32);
            (-(x * x + y * y) / 4.0).exp()
        };
        let predicted = CLASSES[world.table.rows[row].prediction];
        let other = if predicted == "virus" { "bacteria" } else { "virus" };
        let warm = HeatMap::new("grad_cam", predicted, 7, 7, (0..49).map(bump).collect(), false)?;
        let signed = HeatMap::new(
            "integrated_gradients",
            format!("{predicted} against {other}"),
            7,
            7,
            (0..49).map(|place| bump(place) - bump(48 - place)).collect(),
            true,
        )?;
        let mut found = Faithfulness::default();
        (found.deletion_auc, found.insertion_auc) = (0.2 + 0.05 * (row % 7) as f64, 0.75);
        (found.chance_deletion_auc, found.chance_insertion_auc) = (Some(0.35), Some(0.7));
        found.border_share = warm.border_share();
        let heat_maps = vec![(warm, Some(found)), (signed, None)];
        Ok(Picture { row, image: world.images[row].clone(), heat_maps })
    };
    rows.into_iter().map(picture).collect()
}

fn methods() -> Vec<MethodNote> {
    vec![MethodNote {
        name: "Made-up data".to_owned(),
        text: "Points, pictures, probabilities and findings are drawn from a seeded generator; no model was run."
            .to_owned(),
        parameters: vec![("seed".to_owned(), "7".to_owned()), ("side".to_owned(), SIDE.to_string())],
        source: "SplitMix64".to_owned(),
    }]
}
