//! What the map's script works from, as JSON with packed numbers.

use serde::Serialize;

use super::columns::{Column, attributes, metadata};
use super::family::Family;
use super::json::{longs, shorts};
use super::numbers::{LONGEST_TEXT, cut};
use super::prepared::Prepared;
use crate::contract::DataState;
use crate::evaluate::{SampleRow, SampleTable};

/// Probabilities kept for each sample where there are more classes.
const MOST_PROBABILITIES: usize = 16;

/// Similar samples kept for each sample.
const MOST_NEIGHBOURS: usize = 12;

/// Everything but pictures and histograms.
#[derive(Debug, Serialize)]
pub(super) struct Data {
    title: String,
    classes: Vec<String>,
    subsets: Vec<&'static str>,
    count: usize,
    ids: Vec<String>,
    subset: String,
    label: String,
    prediction: String,
    /// Probabilities of each sample, the largest first: class and `65535 p`.
    top: usize,
    top_class: String,
    top_probability: String,
    losses: Vec<Column>,
    metrics: Vec<Column>,
    attributes: Vec<Column>,
    columns: Vec<Column>,
    points: Option<String>,
    clusters: Option<String>,
    neighbours: Option<PackedNeighbours>,
    insights: Vec<PackedInsight>,
}

#[derive(Debug, Serialize)]
struct PackedNeighbours {
    count: usize,
    rows: String,
}

#[derive(Debug, Serialize)]
struct PackedInsight {
    title: String,
    kind: &'static str,
    rows: String,
}

impl Data {
    /// The data without metadata columns; with all attributes, and the twelve nearest of each sample.
    pub(super) fn new(report: &Prepared) -> Self {
        let table: &SampleTable = &report.table;
        let rows = &table.rows;
        let top = table.classes.len().min(MOST_PROBABILITIES);
        let ranked: Vec<Vec<(usize, f64)>> = rows.iter().map(|row| ranked(row, top)).collect();
        let of = |values: fn(&SampleRow) -> &[Option<f32>], place: usize| {
            rows.iter().map(move |row| values(row).get(place).copied().flatten().map(f64::from))
        };
        let numbers = |names: &[String], values: fn(&SampleRow) -> &[Option<f32>]| {
            names.iter().enumerate().map(|(place, name)| Column::numbers(name, of(values, place))).collect()
        };
        Self {
            title: cut(&report.title, LONGEST_TEXT),
            classes: table.classes.iter().map(|class| cut(class, LONGEST_TEXT)).collect(),
            subsets: DataState::ALL.map(DataState::as_str).to_vec(),
            count: rows.len(),
            ids: rows.iter().map(|row| cut(&row.id.to_string(), LONGEST_TEXT)).collect(),
            subset: shorts(rows.iter().map(|row| DataState::ALL.iter().position(|state| *state == row.state))),
            label: shorts(rows.iter().map(|row| row.label)),
            prediction: shorts(rows.iter().map(|row| Some(row.prediction))),
            top,
            top_class: shorts(ranked.iter().flatten().map(|(class, _)| Some(*class))),
            top_probability: shorts(
                ranked.iter().flatten().map(|(_, p)| Some((65_535.0 * p.clamp(0.0, 1.0)).round() as usize)),
            ),
            losses: numbers(&table.losses, |row| &row.losses),
            metrics: numbers(&table.metrics, |row| &row.metrics),
            attributes: attributes(table),
            columns: Vec::new(),
            points: report.points.as_ref().map(|(points, _)| {
                super::json::floats(
                    points.iter().flatten().map(|&value| Some(f64::from(value)).filter(|v| v.is_finite())),
                )
            }),
            clusters: report.clusters.as_ref().map(|(labels, _)| shorts(labels.iter().copied())),
            neighbours: neighbours(report, MOST_NEIGHBOURS),
            insights: report.insights.iter().map(insight).collect(),
        }
    }

    /// Takes away what is missed least: the farther half of the nearest samples, then the others, then the attributes.
    /// False when nothing is left to take.
    pub(super) fn reduce(&mut self, report: &Prepared) -> bool {
        match &self.neighbours {
            Some(held) if held.count > MOST_NEIGHBOURS / 2 => self.neighbours = neighbours(report, MOST_NEIGHBOURS / 2),
            Some(_) => self.neighbours = None,
            None if !self.attributes.is_empty() => self.attributes.clear(),
            None => return false,
        }
        true
    }

    /// Adds the metadata columns that are no bins, as many as fit into so many bytes, and gives how many are left out.
    pub(super) fn add_columns(&mut self, report: &Prepared, family: Option<&Family>, bytes: usize) -> usize {
        let left_out;
        (self.columns, left_out) = columns(&report.table, family, bytes);
        left_out
    }

    /// Similar samples held for each sample, and attributes.
    pub(super) fn held(&self) -> (usize, usize) {
        (self.neighbours.as_ref().map_or(0, |neighbours| neighbours.count), self.attributes.len())
    }
}

/// The likeliest classes of a sample; padded with a class that does not exist where it has fewer.
fn ranked(row: &SampleRow, top: usize) -> Vec<(usize, f64)> {
    let mut ranked: Vec<(usize, f64)> = row.probabilities.iter().copied().enumerate().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    ranked.resize(top, (usize::MAX, 0.0));
    ranked
}

fn columns(table: &SampleTable, family: Option<&Family>, mut budget: usize) -> (Vec<Column>, usize) {
    let mut of_family = vec![false; table.metadata.len()];
    family.into_iter().flat_map(|family| &family.places).for_each(|&place| of_family[place] = true);
    let single: Vec<usize> = (0..table.metadata.len()).filter(|&place| !of_family[place]).collect();
    let wanted = single.len();
    let mut columns = Vec::new();
    for column in metadata(table, single.into_iter()) {
        match budget.checked_sub(column.bytes()) {
            Some(left) => budget = left,
            None => break,
        }
        columns.push(column);
    }
    let left_out = wanted - columns.len();
    (columns, left_out)
}

fn neighbours(report: &Prepared, most: usize) -> Option<PackedNeighbours> {
    let lists = &report.neighbours?.indices;
    let count = lists.iter().map(Vec::len).max().unwrap_or(0).min(most);
    let padded = lists.iter().flat_map(|list| (0..count).map(|place| list.get(place).copied()));
    (count > 0).then(|| PackedNeighbours { count, rows: longs(padded) })
}

fn insight(insight: &crate::explore::Insight) -> PackedInsight {
    PackedInsight {
        title: cut(&insight.title, LONGEST_TEXT),
        kind: insight.kind.as_str(),
        rows: longs(insight.samples.iter().copied().map(Some)),
    }
}
