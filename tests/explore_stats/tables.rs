//! Tables with planted truths, and without.

use leap_binder::contract::{DataState, MetadataValue};
use leap_binder::evaluate::{SampleRow, SampleTable};
use leap_binder::explore::Matrix;
use leap_binder::rng::SplitMix64;

pub(crate) const CLASSES: [&str; 3] = ["NORMAL", "bacteria", "virus"];

/// Numbers from the crate's generator.
pub(crate) struct Draw(pub(crate) SplitMix64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SplitMix64::named(seed, "tables"))
    }

    /// Even in (0, 1).
    pub(crate) fn even(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64 + f64::MIN_POSITIVE
    }

    /// Standard normal (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        (-2.0 * self.even().ln()).sqrt() * (std::f64::consts::TAU * self.even()).cos()
    }

    pub(crate) fn chance(&mut self, share: f64) -> bool {
        self.even() < share
    }
}

pub(crate) fn row(id: usize, state: DataState, label: usize, prediction: usize, loss: f64) -> SampleRow {
    let probabilities = (0..CLASSES.len()).map(|class| if class == prediction { 0.8 } else { 0.1 }).collect();
    let mut row = SampleRow::new(format!("s{id}"), state, probabilities);
    row.label = Some(label);
    row.losses = vec![Some(loss as f32)];
    row
}

pub(crate) fn table(metadata: &[&str]) -> SampleTable {
    let mut table = SampleTable::new(CLASSES);
    table.losses = vec!["cross_entropy".to_owned()];
    table.metadata = metadata.iter().map(|&name| name.to_owned()).collect();
    table
}

pub(crate) fn scores(rows: usize, columns: usize, mut score: impl FnMut(usize, usize) -> f64) -> Matrix {
    let values = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    Matrix::new(rows, columns, values.map(|(row, column)| score(row, column) as f32).collect()).unwrap()
}

/// Labels, predictions, losses, subsets, 30 metadata columns, clusters and latents that know nothing of each other.
pub(crate) fn noise(seed: u64, rows: usize) -> (SampleTable, Vec<Option<usize>>, Matrix) {
    let mut draw = Draw::new(seed);
    let names: Vec<String> = (0..30).map(|column| format!("column{column}")).collect();
    let mut table = table(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for id in 0..rows {
        let state = [DataState::Training, DataState::Training, DataState::Validation, DataState::Test][draw.0.below(4)];
        let (label, loss) = (draw.0.below(3), -draw.even().ln());
        let prediction = if draw.chance(0.8) { label } else { draw.0.below(3) };
        let mut row = row(id, state, label, prediction, loss);
        row.metadata = (0..30)
            .map(|column| match column {
                0..20 => MetadataValue::Float(draw.normal()),
                20..23 => MetadataValue::Int(draw.0.below(40) as i64),
                23..25 => MetadataValue::Int(draw.0.below(4) as i64),
                25..27 => MetadataValue::Bool(draw.chance(0.3)),
                27 => MetadataValue::Text(format!("site {}", draw.0.below(5))),
                28 => MetadataValue::Text(format!("rare {}", (draw.even().powi(3) * 30.0) as usize)),
                _ if draw.chance(0.3) => MetadataValue::Absent,
                _ => MetadataValue::Float(draw.normal()),
            })
            .collect();
        table.rows.push(row);
    }
    let clusters = (0..rows).map(|_| Some(draw.0.below(5)).filter(|&cluster| cluster < 4)).collect();
    let scores = scores(rows, 5, |_, _| draw.normal());
    (table, clusters, scores)
}

/// 8 % dark images, most of them bacteria taken for viruses, with high losses; a second column goes with darkness loosely, and
/// twelve say nothing. The rows of the dark ones come second.
pub(crate) fn dark(seed: u64, rows: usize) -> (SampleTable, Vec<usize>) {
    let mut draw = Draw::new(seed);
    let mut names = vec!["image_mean".to_owned(), "number_of_black_pixels".to_owned(), "gt_name".to_owned()];
    names.extend((0..12).map(|column| format!("other{column}")));
    let mut table = table(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut planted = Vec::new();
    for id in 0..rows {
        let dark = id % 25 < 2;
        let label = if dark { 1 } else { draw.0.below(3) };
        let prediction = match dark {
            true if draw.chance(0.8) => 2,
            false if draw.chance(0.1) => draw.0.below(3),
            _ => label,
        };
        let loss = -draw.even().ln() * 0.3 + if dark { 1.2 } else { 0.0 };
        let mut row = row(id, DataState::Training, label, prediction, loss);
        let mean = if dark { 50.0 + 6.0 * draw.normal() } else { 120.0 + 15.0 * draw.normal() };
        row.metadata =
            vec![mean.into(), ((4000.0 - 20.0 * mean + 400.0 * draw.normal()) as i64).into(), CLASSES[label].into()];
        row.metadata.extend((0..12).map(|_| MetadataValue::Float(draw.normal())));
        if dark {
            planted.push(id);
        }
        table.rows.push(row);
    }
    (table, planted)
}

/// Two groups of pneumonia X-rays as in the story, with histograms of 256 bins: the first is brighter and spreads wider, with
/// more of bin 223, the second has more of bin 199.
pub(crate) fn story(seed: u64, group: usize) -> (SampleTable, Vec<usize>, Vec<usize>) {
    let mut draw = Draw::new(seed);
    let mut names: Vec<String> = (0..256).map(|bin| format!("pixels_count_{bin}")).collect();
    names.extend(["image_mean", "image_std", "gt_label", "gt_name"].map(str::to_owned));
    let mut table = table(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for id in 0..3 * group {
        let bright = id < group;
        let label = if id < 2 * group { 1 + id % 2 } else { 0 };
        let mut counts = [0i64; 256];
        let bump = if bright { 223.0 } else { 199.0 };
        for _ in 0..4000 {
            let level = if draw.chance(0.12) { bump + 4.0 * draw.normal() } else { 120.0 + 40.0 * draw.normal() };
            counts[level.round().clamp(0.0, 255.0) as usize] += 1;
        }
        let pixels = counts.iter().sum::<i64>() as f64;
        let mean = counts.iter().zip(0..).map(|(&count, level)| count as f64 * f64::from(level)).sum::<f64>() / pixels;
        let square = counts.iter().zip(0..).map(|(&count, level)| count as f64 * (f64::from(level) - mean).powi(2));
        let mut row = row(id, DataState::Training, label, label, 0.1);
        row.metadata = counts.iter().map(|&count| count.into()).collect();
        row.metadata.extend([
            mean.into(),
            (square.sum::<f64>() / pixels).sqrt().into(),
            (label as i64).into(),
            CLASSES[label].into(),
        ]);
        table.rows.push(row);
    }
    (table, (0..group).collect(), (group..2 * group).collect())
}

/// The table in another order, and where each of its rows was.
pub(crate) fn shuffled(table: &SampleTable, seed: u64) -> (SampleTable, Vec<usize>) {
    let mut places: Vec<usize> = (0..table.rows.len()).collect();
    SplitMix64::new(seed).shuffle(&mut places);
    let mut other = table.clone();
    other.rows = places.iter().map(|&place| table.rows[place].clone()).collect();
    (other, places)
}
