//! Mean pixel histograms of groups, as smooth lines.

use std::cmp::Reverse;

use super::family::Family;
use super::numbers::{LONGEST_TEXT, counted, cut, number};
use super::prepared::Prepared;

/// The drawing's size in SVG units.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 200.0;

/// Groups beyond these would not be told apart.
const MOST_GROUPS: usize = 8;

/// Standard deviation of the smoothing, as a share of the number of bins.
const SMOOTHING: f64 = 1.2 / 256.0;

/// A group's name and its samples' mean histogram.
type Group = (String, usize, Vec<f64>);

/// The curves of several groups in one drawing.
pub(super) struct Curves {
    pub(super) title: String,
    pub(super) note: String,
    pub(super) lines: Vec<Line>,
    pub(super) ticks: Vec<(f64, String)>,
    pub(super) top: String,
}

/// One group.
pub(super) struct Line {
    /// Which of eight styles it has.
    pub(super) style: usize,
    pub(super) name: String,
    pub(super) samples: String,
    pub(super) path: String,
}

impl Curves {
    /// By class, then by cluster; nothing where there is no family of histogram columns.
    pub(super) fn of(report: &Prepared, family: &Family) -> Vec<Self> {
        let table = &report.table;
        let classes = groups(
            report,
            family,
            table.classes.len(),
            |row| table.rows[row].label,
            |class| table.class(class).to_owned(),
        );
        let clusters = report
            .clusters
            .as_ref()
            .map_or(0, |(labels, _)| labels.iter().flatten().max().map_or(0, |last| (last + 1).min(table.rows.len())));
        let clusters =
            groups(report, family, clusters, |row| report.cluster(row), |cluster| format!("cluster {cluster}"));
        [("by class", classes), ("by cluster", clusters)]
            .into_iter()
            .filter_map(|(by, groups)| Self::new(by, groups, family))
            .collect()
    }

    fn new(by: &str, mut groups: Vec<Group>, family: &Family) -> Option<Self> {
        let all = groups.len();
        // In their own order they have the colours that they have on the map.
        if all > MOST_GROUPS {
            groups.sort_by_key(|(_, samples, _)| Reverse(*samples));
            groups.truncate(MOST_GROUPS);
        }
        let bins = family.places.len();
        // The ends, black and white, may stand far above all else; they do not set the scale.
        let inner = groups.iter().flat_map(|(.., curve)| &curve[1..bins - 1]).copied().fold(0.0, f64::max);
        if groups.is_empty() || inner <= 0.0 {
            return None;
        }
        let top = 1.05 * inner;
        let line = |(style, (name, samples, curve)): (usize, Group)| Line {
            style,
            name: cut(&name, LONGEST_TEXT),
            samples: counted(samples, "sample"),
            path: path(&curve, top),
        };
        let tick = |part: usize| {
            let bin = part * (bins - 1) / 4;
            (round(WIDTH * bin as f64 / (bins - 1) as f64), (family.first + bin).to_string())
        };
        let rest =
            if all > MOST_GROUPS { format!(" The {MOST_GROUPS} largest of {all} groups.") } else { String::new() };
        Some(Self {
            title: by.to_owned(),
            note: format!(
                "Mean share of the counts in each bin, smoothed lightly; what is higher than the drawing is cut.{rest}"
            ),
            lines: groups.into_iter().enumerate().map(line).collect(),
            ticks: (0..=4).map(tick).collect(),
            top: format!("{} %", number(100.0 * top)),
        })
    }
}

/// The mean histogram of each group that has one, each sample's counts as shares of their sum.
fn groups(
    report: &Prepared,
    family: &Family,
    count: usize,
    of: impl Fn(usize) -> Option<usize>,
    name: impl Fn(usize) -> String,
) -> Vec<Group> {
    let mut sums = vec![(0usize, vec![0.0; family.places.len()]); count];
    for (place, row) in report.table.rows.iter().enumerate() {
        let Some((samples, sum)) = of(place).and_then(|group| sums.get_mut(group)) else { continue };
        let Some(counts) = family.counts(row) else { continue };
        let total: f64 = counts.iter().sum();
        if total > 0.0 {
            *samples += 1;
            sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count / total);
        }
    }
    let mean = |(group, (samples, sum)): (usize, (usize, Vec<f64>))| {
        let mean: Vec<f64> = sum.into_iter().map(|sum| sum / samples as f64).collect();
        (name(group), samples, smooth(&mean))
    };
    sums.into_iter().enumerate().filter(|(_, (samples, _))| *samples > 0).map(mean).collect()
}

/// A Gaussian mean of each bin and its neighbours; at the ends of those that are there.
fn smooth(curve: &[f64]) -> Vec<f64> {
    let deviation = (SMOOTHING * curve.len() as f64).max(0.3);
    let reach = (3.0 * deviation).ceil() as usize;
    let weight = |distance: usize| (-0.5 * (distance as f64 / deviation).powi(2)).exp();
    let mean = |bin: usize| {
        let near = bin.saturating_sub(reach)..(bin + reach + 1).min(curve.len());
        let (sum, total) = near.fold((0.0, 0.0), |(sum, total), other| {
            let weight = weight(other.abs_diff(bin));
            (sum + weight * curve[other], total + weight)
        });
        sum / total
    };
    (0..curve.len()).map(mean).collect()
}

fn path(curve: &[f64], top: f64) -> String {
    let step = WIDTH / (curve.len() - 1) as f64;
    let point = |(bin, value): (usize, &f64)| {
        let mark = if bin == 0 { 'M' } else { 'L' };
        format!("{mark}{} {}", round(step * bin as f64), round(HEIGHT * (1.0 - value / top)).max(-HEIGHT))
    };
    curve.iter().enumerate().map(point).collect()
}

fn round(value: f64) -> f64 {
    (10.0 * value).round() / 10.0
}
