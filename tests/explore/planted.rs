//! One table of chest X-rays that never were, with everything in it that `explore()` should find, and where it was put.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use leap_binder::contract::{DataState, MetadataValue};
use leap_binder::evaluate::{SampleRow, SampleTable};
use leap_binder::explore::Exploration;

use crate::draw::{Draw, explored};

pub(crate) const CLASSES: [&str; 3] = ["NORMAL", "bacteria", "virus"];
/// Samples of their own; copies come on top.
const OWN: usize = 570;
const LATENT: usize = 24;
/// Pixels in a histogram.
const PIXELS: usize = 1500;

pub(crate) type Rows = BTreeSet<usize>;

/// What was planted, by the places of the rows.
#[derive(Default)]
pub(crate) struct Plants {
    /// Rows with a wrong label.
    pub(crate) flipped: Rows,
    /// Rows that are dark, hard for the model, and nothing else.
    pub(crate) dark: Rows,
    /// Rows far from all others in the latent space, with a narrow histogram.
    pub(crate) odd: Rows,
    /// Each copy with what it was copied from: (row, copy).
    pub(crate) equal_within: Vec<(usize, usize)>,
    pub(crate) equal_across: Vec<(usize, usize)>,
    pub(crate) near_within: Vec<(usize, usize)>,
    pub(crate) near_across: Vec<(usize, usize)>,
    /// Rows of one patient in training, and in test.
    pub(crate) patient: [Rows; 2],
    /// Pneumonia with many pixels around 223, and around 199: the story's two groups.
    pub(crate) bright: Rows,
    pub(crate) dim: Rows,
}

pub(crate) struct Planted {
    pub(crate) table: SampleTable,
    pub(crate) plants: Plants,
    pub(crate) found: Exploration,
}

/// The table, explored once for all tests.
pub(crate) static PLANTED: LazyLock<Planted> = LazyLock::new(|| {
    let (table, plants) = planted(1);
    let found = explored(&table);
    Planted { table, plants, found }
});

pub(crate) fn planted(seed: u64) -> (SampleTable, Plants) {
    let mut draw = Draw::new(seed);
    let mut table = SampleTable::new(CLASSES);
    table.attributes = vec!["file".to_owned(), "patient".to_owned()];
    table.losses = vec!["cross_entropy".to_owned()];
    table.metadata = (0..256).map(|bin| format!("pixels_count_{bin}")).collect();
    let single = ["image_mean", "image_std", "exposure_p01", "exposure_p99", "border_corner_marks", "original_width"];
    table.metadata.extend(single.map(str::to_owned));
    let mut plants = Plants::default();
    for id in 0..OWN {
        let row = own(id, &mut plants, &mut draw);
        table.rows.push(row);
    }
    // Every 19th label, so 30 in all: those that would fall on another plant move on to the next free row.
    for wanted in (9..OWN).step_by(19) {
        let taken = |row: &usize| [&plants.flipped, &plants.dark, &plants.odd].iter().any(|of| of.contains(row));
        let row = (wanted..OWN).find(|row| !taken(row)).unwrap();
        let label = table.rows[row].label.as_mut().unwrap();
        *label = (*label + 1 + draw.below(2)) % 3;
        plants.flipped.insert(row);
    }
    for row in &mut table.rows {
        row.losses = vec![Some(-row.probabilities[row.label.unwrap()].ln() as f32)];
    }
    copies(&mut table, &mut plants, &mut draw);
    one_patient(&mut table, &mut plants);
    (table, plants)
}

fn own(id: usize, plants: &mut Plants, draw: &mut Draw) -> SampleRow {
    // Six of ten in training; classes, plants and subsets run against each other, so that none goes with another.
    let state = match draw.below(10) {
        0..6 => DataState::Training,
        6..8 => DataState::Validation,
        _ => DataState::Test,
    };
    let odd = id % 47 == 5;
    let dark = !odd && id % 12 == 3;
    let class = if odd { 0 } else { draw.below(3) };
    // Half of the pictures have a bump at 223, the others at 199; of pneumonia that makes the story's two groups.
    let bump = (!dark && !odd).then(|| if draw.chance(0.5) { 223 } else { 199 });
    let lead = if dark { 0.3 } else { 4.0 };
    let mut row = SampleRow::new(format!("s{id}"), state, draw.probabilities(3, class, lead, 0.7));
    row.attributes = vec![format!("s{id}.jpeg"), format!("p{id}")];
    row.label = Some(class);
    row.latent = (0..LATENT)
        .map(|column| {
            let centre = if column == class { 9.0 } else { 0.0 };
            let away = if odd && column >= 12 { 9.0 } else { 0.0 };
            (centre + away + draw.normal()) as f32
        })
        .collect();
    row.fingerprint.bytes = Some(draw.bytes());
    row.fingerprint.pixels = Some(draw.bytes());
    row.fingerprint.perceptual = Some(draw.hash());
    row.metadata = metadata(class, dark, odd, bump, draw);
    let groups = [
        (odd, &mut plants.odd),
        (dark, &mut plants.dark),
        (class > 0 && bump == Some(223), &mut plants.bright),
        (class > 0 && bump == Some(199), &mut plants.dim),
    ];
    groups.into_iter().filter(|(holds, _)| *holds).for_each(|(_, group)| _ = group.insert(id));
    row
}

/// A histogram, what follows from it, and columns of their own.
fn metadata(class: usize, dark: bool, odd: bool, bump: Option<i32>, draw: &mut Draw) -> Vec<MetadataValue> {
    let (centre, width) = (if dark { 55.0 } else { 120.0 }, if odd { 14.0 } else { 40.0 });
    let centre = centre + 6.0 * draw.normal();
    let mut counts = [0i64; 256];
    for _ in 0..PIXELS {
        let level = match bump {
            Some(bump) if draw.chance(0.12) => f64::from(bump) + 3.0 * draw.normal(),
            _ => centre + width * draw.normal(),
        };
        counts[level.round().clamp(0.0, 255.0) as usize] += 1;
    }
    let sum = |power: i32, from: f64| -> f64 {
        counts.iter().zip(0..).map(|(&count, level)| count as f64 * (f64::from(level) - from).powi(power)).sum()
    };
    let mean = sum(1, 0.0) / PIXELS as f64;
    let deviation = (sum(2, mean) / PIXELS as f64).sqrt();
    // The shortcut: a bright corner on nine of ten bacteria, and on nothing else.
    let marks = if class == 1 && draw.chance(0.9) { 1 + draw.below(3) as i64 } else { 0 };
    let mut values: Vec<MetadataValue> = counts.into_iter().map(MetadataValue::from).collect();
    values.extend([mean.into(), deviation.into()]);
    values.extend([(10.0 + 2.0 * draw.normal()).into(), (240.0 + 4.0 * draw.normal()).into()]);
    values.extend([marks.into(), (1000 + draw.below(900) as i64).into()]);
    values
}

/// Copies of plain rows: six equal and six near ones inside training, eight equal ones from training in test, six near ones
/// from training in validation.
fn copies(table: &mut SampleTable, plants: &mut Plants, draw: &mut Draw) {
    let plain = |&row: &usize| {
        let groups = [&plants.flipped, &plants.dark, &plants.odd];
        table.rows[row].state == DataState::Training && groups.iter().all(|of| !of.contains(&row))
    };
    let sources: Vec<usize> = (0..OWN).filter(plain).step_by(8).take(26).collect();
    assert_eq!(sources.len(), 26);
    for (at, &source) in sources.iter().enumerate() {
        let (copy, near) = (table.rows.len(), (6..12).contains(&at) || at >= 20);
        let mut row = table.rows[source].clone();
        row.id = format!("s{source}-again").into();
        row.attributes = vec![format!("s{source}-again.jpeg"), String::new()];
        if near {
            row.fingerprint.bytes = Some(draw.bytes());
            row.fingerprint.pixels = Some(draw.bytes());
            let hash = row.fingerprint.perceptual.as_mut().unwrap();
            (0..4 + at % 3).for_each(|_| hash[draw.below(4)] ^= 1 << draw.below(64));
            row.latent.iter_mut().for_each(|value| *value += 0.02 * draw.normal() as f32);
        }
        row.state = match at {
            0..12 => DataState::Training,
            12..20 => DataState::Test,
            _ => DataState::Validation,
        };
        table.rows.push(row);
        let group = match at {
            0..6 => &mut plants.equal_within,
            6..12 => &mut plants.near_within,
            12..20 => &mut plants.equal_across,
            _ => &mut plants.near_across,
        };
        group.push((source, copy));
    }
    // A copy is what its source is.
    for (source, copy) in sources.into_iter().zip(OWN..) {
        for group in [&mut plants.bright, &mut plants.dim] {
            if group.contains(&source) {
                group.insert(copy);
            }
        }
    }
}

/// Three training samples and two test samples of one patient.
fn one_patient(table: &mut SampleTable, plants: &mut Plants) {
    let rows = |state: DataState, count: usize, table: &SampleTable| -> Rows {
        (200..OWN).filter(|&row| table.rows[row].state == state).take(count).collect()
    };
    plants.patient = [rows(DataState::Training, 3, table), rows(DataState::Test, 2, table)];
    for &row in plants.patient.iter().flatten() {
        table.rows[row].attributes[1] = "patient 7".to_owned();
    }
}
