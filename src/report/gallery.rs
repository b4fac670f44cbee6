//! The samples worth looking at, with picture, heat maps and probabilities.

use super::numbers::{LONGEST_TEXT, cut, maybe, percent, place};
use super::picture::Shown;
use super::prepared::Prepared;
use crate::Result;
use crate::explore::{Evidence, LabelIssue};

/// Samples in each part of the gallery.
const MOST: usize = 24;

/// One part of the gallery.
pub(super) struct Part {
    pub(super) title: &'static str,
    pub(super) note: String,
    pub(super) items: Vec<Item>,
}

/// One sample.
pub(super) struct Item {
    pub(super) row: usize,
    pub(super) name: String,
    pub(super) truth: String,
    pub(super) predicted: String,
    pub(super) right: bool,
    pub(super) loss: String,
    pub(super) probabilities: Vec<(String, String, f64)>,
    pub(super) issue: String,
    pub(super) picture: Option<Shown>,
}

/// Rows of the gallery's parts: suspected label errors, worst samples, and those with pictures that are in neither.
pub(super) struct Choice {
    labels: Vec<(usize, Option<LabelIssue>)>,
    worst: Vec<usize>,
}

impl Choice {
    pub(super) fn of(report: &Prepared) -> Self {
        let mut labels = Vec::new();
        for insight in report.insights.iter() {
            if let Evidence::Labels { issues } = &insight.evidence {
                labels.extend(insight.samples.iter().zip(issues).map(|(row, issue)| (*row, Some(issue.clone()))));
            }
        }
        labels.truncate(MOST);
        let mut worst: Vec<usize> = (0..report.table.rows.len()).filter(|row| report.loss(*row).is_some()).collect();
        let loss = |row: usize| report.loss(row).unwrap_or_default();
        worst.sort_by(|&a, &b| loss(b).total_cmp(&loss(a)).then(a.cmp(&b)));
        worst.truncate(MOST);
        Self { labels, worst }
    }

    /// All rows that it shows, each once.
    pub(super) fn rows(&self) -> Vec<usize> {
        let mut rows: Vec<usize> = Vec::new();
        for row in self.labels.iter().map(|(row, _)| *row).chain(self.worst.iter().copied()) {
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
        rows
    }

    /// How often a row's picture stands in the gallery.
    pub(super) fn times(&self, row: usize) -> usize {
        let places = self.labels.iter().map(|(row, _)| *row).chain(self.worst.iter().copied());
        places.filter(|&place| place == row).count().max(1)
    }

    /// The gallery with the pictures that there are.
    pub(super) fn parts(&self, report: &Prepared, pictures: &[Shown]) -> Vec<Part> {
        let item = |row: usize, issue: Option<&LabelIssue>| Item::new(row, report, issue, pictures);
        let shown = self.rows();
        let others: Vec<Item> = pictures
            .iter()
            .filter(|picture| !shown.contains(&picture.row))
            .map(|picture| item(picture.row, None))
            .collect();
        let labels: Vec<Item> = self.labels.iter().map(|(row, issue)| item(*row, issue.as_ref())).collect();
        let worst: Vec<Item> = self.worst.iter().map(|row| item(*row, None)).collect();
        let loss = report.table.losses.first().map_or_else(|| "loss".to_owned(), |name| cut(name, LONGEST_TEXT));
        [
            (
                "Suspected label errors",
                "Someone who knows the subject should look at these before they are changed.".to_owned(),
                labels,
            ),
            ("Worst samples", format!("Largest {loss} first."), worst),
            ("More samples", String::new(), others),
        ]
        .into_iter()
        .filter(|(.., items)| !items.is_empty())
        .map(|(title, note, items)| Part { title, note, items })
        .collect()
    }
}

impl Item {
    fn new(row: usize, report: &Prepared, issue: Option<&LabelIssue>, pictures: &[Shown]) -> Self {
        let table = &report.table;
        let sample = &table.rows[row];
        let class = |class: usize| cut(table.class(class), LONGEST_TEXT);
        let mut order: Vec<usize> = (0..sample.probabilities.len()).collect();
        order.sort_by(|&a, &b| sample.probabilities[b].total_cmp(&sample.probabilities[a]).then(a.cmp(&b)));
        let probability = |index: usize| {
            let share = sample.probabilities[index];
            (class(index), percent(share), place(share))
        };
        Self {
            row,
            name: cut(&sample.id.to_string(), LONGEST_TEXT),
            truth: sample.label.map_or_else(String::new, class),
            predicted: class(sample.prediction),
            right: sample.label == Some(sample.prediction),
            loss: maybe(report.loss(row)),
            probabilities: order.into_iter().take(4).map(probability).collect(),
            issue: issue.map_or_else(String::new, |issue| {
                format!(
                    "labelled {}, probably {}: the model gives the label {}, of the neighbours {} have it",
                    class(issue.given),
                    class(issue.suggested),
                    percent(issue.self_confidence),
                    percent(issue.neighbours)
                )
            }),
            picture: pictures.iter().find(|picture| picture.row == row).cloned(),
        }
    }
}

/// Thumbnails, where there are any, for rows of the gallery without a picture.
pub(super) fn fill_in(choice: &Choice, report: &Prepared, pictures: &mut Vec<Shown>, budget: usize) -> Result<()> {
    let mut used = 0;
    for row in choice.rows() {
        if pictures.iter().any(|picture| picture.row == row) {
            continue;
        }
        if let Some(thumbnail) = &report.table.rows[row].thumbnail {
            let shown = Shown::new(row, thumbnail, Vec::new())?;
            used += shown.bytes() * choice.times(row);
            if used > budget {
                break;
            }
            pictures.push(shown);
        }
    }
    Ok(())
}
