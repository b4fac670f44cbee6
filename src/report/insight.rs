//! An insight as a card.

use super::numbers::{LONGEST_TEXT, counted, cut, maybe, number, p_value, percent, place as unit, thousands};
use super::prepared::Prepared;
use crate::explore::{Difference, Evidence, Insight, InsightKind};

/// Differences, confusions and pairs that a card lists.
const LISTED: usize = 8;

/// One card.
pub(super) struct Card {
    pub(super) place: usize,
    pub(super) kind: &'static str,
    pub(super) code: &'static str,
    /// `high`, `middle`, `low`.
    pub(super) grade: &'static str,
    pub(super) severity: String,
    /// The severity in [0, 100].
    pub(super) reach: f64,
    pub(super) title: String,
    pub(super) sentence: String,
    pub(super) rule: String,
    pub(super) significance: String,
    pub(super) samples: String,
    pub(super) gap: Option<GapLine>,
    pub(super) differences: Vec<DifferenceLine>,
    pub(super) more_differences: usize,
    pub(super) confusions: Vec<(String, String, String)>,
    pub(super) pairs: Vec<PairLine>,
    pub(super) more_pairs: usize,
    pub(super) labels: Vec<LabelLine>,
    pub(super) scores: String,
}

pub(super) struct GapLine {
    pub(super) metric: String,
    pub(super) inside: String,
    pub(super) outside: String,
    pub(super) difference: String,
    pub(super) interval: String,
}

pub(super) struct DifferenceLine {
    pub(super) column: String,
    pub(super) inside: String,
    pub(super) outside: String,
    pub(super) information: String,
    pub(super) effect: String,
    pub(super) p: String,
    /// The bar of the effect: where it begins and how long it is, in [0, 100].
    pub(super) bar: [f64; 2],
}

pub(super) struct PairLine {
    pub(super) rows: [usize; 2],
    pub(super) names: [String; 2],
    pub(super) by: &'static str,
    pub(super) distance: String,
}

pub(super) struct LabelLine {
    pub(super) row: usize,
    pub(super) name: String,
    pub(super) given: String,
    pub(super) suggested: String,
    pub(super) confidence: String,
    pub(super) neighbours: String,
}

impl Card {
    pub(super) fn new(place: usize, insight: &Insight, report: &Prepared) -> Self {
        let text = |text: &str| cut(text, LONGEST_TEXT);
        let mut card = Self {
            place,
            kind: words(insight.kind),
            code: insight.kind.as_str(),
            grade: grade(insight.severity),
            severity: percent(insight.severity),
            reach: unit(insight.severity),
            title: text(&insight.title),
            sentence: cut(&insight.sentence, 4 * LONGEST_TEXT),
            rule: String::new(),
            significance: significance(insight),
            samples: counted(insight.samples.len(), "sample"),
            gap: insight.gap.as_ref().map(|gap| GapLine {
                metric: text(&gap.metric),
                inside: number(gap.inside),
                outside: number(gap.outside),
                difference: number(gap.difference),
                interval: format!("{} interval {} to {}", percent(gap.level), number(gap.low), number(gap.high)),
            }),
            differences: insight.differences.iter().take(LISTED).map(DifferenceLine::new).collect(),
            more_differences: insight.differences.len().saturating_sub(LISTED),
            confusions: Vec::new(),
            pairs: Vec::new(),
            more_pairs: 0,
            labels: Vec::new(),
            scores: String::new(),
        };
        card.evidence(insight, report);
        card
    }

    fn evidence(&mut self, insight: &Insight, report: &Prepared) {
        let name = |row: usize| report.table.rows.get(row).map_or_else(String::new, |row| cut(&row.id.to_string(), 80));
        match &insight.evidence {
            Evidence::Group { rule, confusions, .. } => {
                self.rule = cut(rule, LONGEST_TEXT);
                let line = |(truth, predicted, count): &(String, String, usize)| {
                    (cut(truth, LONGEST_TEXT), cut(predicted, LONGEST_TEXT), thousands(*count))
                };
                self.confusions = confusions.iter().take(LISTED).map(line).collect();
            }
            Evidence::Pairs { pairs, total } => {
                let line = |pair: &crate::explore::Pair| PairLine {
                    rows: [pair.a, pair.b],
                    names: [name(pair.a), name(pair.b)],
                    by: pair.by,
                    distance: number(pair.distance),
                };
                self.pairs = pairs.iter().take(LISTED).map(line).collect();
                self.more_pairs = total.saturating_sub(self.pairs.len());
            }
            Evidence::Scores { what, scores } => {
                let top = scores
                    .iter()
                    .copied()
                    .filter(|score| score.is_finite())
                    .fold(None, |top: Option<f64>, score| Some(top.map_or(score, |top| top.max(score))));
                self.scores = format!("{}: up to {}", cut(what, LONGEST_TEXT), maybe(top));
            }
            Evidence::Labels { issues } => {
                let class = |class: usize| cut(report.table.class(class), LONGEST_TEXT);
                let line = |(&row, issue): (&usize, &crate::explore::LabelIssue)| LabelLine {
                    row,
                    name: name(row),
                    given: class(issue.given),
                    suggested: class(issue.suggested),
                    confidence: percent(issue.self_confidence),
                    neighbours: percent(issue.neighbours),
                };
                self.labels = insight.samples.iter().zip(issues).take(LISTED).map(line).collect();
            }
        }
    }
}

impl DifferenceLine {
    pub(super) fn new(difference: &Difference) -> Self {
        let category = difference.category.as_ref().map_or_else(String::new, |category| format!(" = {category}"));
        let value = |value: f64| if difference.category.is_some() { percent(value) } else { number(value) };
        let reach = if difference.effect.is_finite() { difference.effect.clamp(-1.0, 1.0) } else { 0.0 };
        Self {
            column: cut(&format!("{}{category}", difference.column), LONGEST_TEXT),
            inside: value(difference.inside),
            outside: value(difference.outside),
            information: number(difference.mutual_information),
            effect: format!("{:+.2}", difference.effect),
            p: p_value(difference.p_adjusted),
            bar: [50.0 + 50.0 * reach.min(0.0), 50.0 * reach.abs()].map(|value| (10.0 * value).round() / 10.0),
        }
    }
}

fn significance(insight: &Insight) -> String {
    match (insight.p_value, insight.p_adjusted) {
        (_, Some(p)) => format!("adjusted p {}", p_value(p)),
        (Some(p), None) => format!("p {}", p_value(p)),
        (None, None) => String::new(),
    }
}

fn grade(severity: f64) -> &'static str {
    match severity {
        severity if severity >= 0.66 => "high",
        severity if severity >= 0.33 => "middle",
        _ => "low",
    }
}

/// A kind of insight in words.
pub(super) fn words(kind: InsightKind) -> &'static str {
    match kind {
        InsightKind::LowPerformance => "Low performance",
        InsightKind::OutOfDistribution => "Out of distribution",
        InsightKind::Duplication => "Duplication",
        InsightKind::DataLeakage => "Data leakage",
        InsightKind::DomainGap => "Domain gap",
        InsightKind::MislabeledSamples => "Mislabelled samples",
    }
}
