use std::borrow::Cow;

use super::insight::words;
use super::private::Redactor;
use super::{CheckSummary, ClusterFacts, MethodNote, Picture, Report, Shortcut};
use crate::compare::Comparison;
use crate::contract::DataState;
use crate::evaluate::SampleTable;
use crate::explore::{Difference, Evidence, Insight, Neighbours};
use crate::metrics::ClassificationReport;
use crate::{Error, Result};

/// The cluster of each row, and what is known of the clusters.
type Clusters<'a> = (&'a [Option<usize>], Cow<'a, [ClusterFacts]>);

/// What stands for texts that may tell anything.
const LEFT_OUT: &str = "left out, as the report is private";

/// A report whose parts are known to fit together, and from which ids are gone where that was asked for.
pub(super) struct Prepared<'a> {
    pub(super) title: Cow<'a, str>,
    pub(super) table: Cow<'a, SampleTable>,
    pub(super) points: Option<(&'a [[f32; 2]], Cow<'a, str>)>,
    pub(super) clusters: Option<Clusters<'a>>,
    pub(super) neighbours: Option<&'a Neighbours>,
    pub(super) insights: Cow<'a, [Insight]>,
    pub(super) metrics: &'a [(DataState, &'a ClassificationReport)],
    pub(super) comparison: Option<Cow<'a, Comparison>>,
    pub(super) facts: Cow<'a, [(String, String)]>,
    pub(super) check: Option<Cow<'a, CheckSummary>>,
    pub(super) shortcuts: Cow<'a, [Shortcut]>,
    pub(super) pictures: &'a [Picture],
    pub(super) methods: Cow<'a, [MethodNote]>,
    /// Whether ids were taken away, and how many metadata columns went with them.
    pub(super) private: Option<usize>,
}

impl<'a> Prepared<'a> {
    pub(super) fn new(report: &'a Report<'a>) -> Result<Self> {
        check(report)?;
        let plain = Self {
            title: Cow::Borrowed(&report.title),
            table: Cow::Borrowed(report.table),
            points: report.points.as_ref().map(|(points, note)| (*points, Cow::Borrowed(note.as_str()))),
            clusters: report.clusters.as_ref().map(|(labels, facts)| (*labels, Cow::Borrowed(facts.as_slice()))),
            neighbours: report.neighbours,
            insights: Cow::Borrowed(report.insights),
            metrics: &report.metrics,
            comparison: report.comparison.map(Cow::Borrowed),
            facts: Cow::Borrowed(&report.facts),
            check: report.check.as_ref().map(Cow::Borrowed),
            shortcuts: Cow::Borrowed(&report.shortcuts),
            pictures: &report.pictures,
            methods: Cow::Borrowed(&report.methods),
            private: None,
        };
        Ok(if report.private { plain.redacted() } else { plain })
    }

    fn redacted(self) -> Self {
        let redactor = Redactor::new(&self.table);
        let text = |text: &str| redactor.text(text);
        let pair = |(name, value): &(String, String)| (text(name), text(value));
        let mut clusters = self.clusters;
        if let Some((_, facts)) = &mut clusters {
            for facts in facts.to_mut() {
                facts.features.retain(|(column, words)| redactor.keeps(column) && !redactor.names_column(words));
                facts.features.iter_mut().for_each(|(_, words)| *words = text(words));
            }
        }
        let mut check = self.check;
        if let Some(check) = &mut check {
            redact_check(check.to_mut(), text);
        }
        let mut comparison = self.comparison;
        if let Some(comparison) = &mut comparison {
            redact_comparison(comparison.to_mut(), text);
        }
        let mut methods = self.methods;
        for method in methods.to_mut() {
            method.text = text(&method.text);
            method.parameters = method.parameters.iter().map(pair).collect();
        }
        let mut shortcuts = self.shortcuts;
        shortcuts.to_mut().retain(|shortcut| redactor.keeps(&shortcut.column));
        Self {
            points: self.points.map(|(points, note)| (points, Cow::Owned(text(&note)))),
            clusters,
            insights: self.insights.iter().map(|insight| redacted(insight, &redactor)).collect(),
            facts: self.facts.iter().map(pair).collect(),
            comparison,
            check,
            shortcuts,
            methods,
            private: Some(redactor.columns_left_out()),
            table: Cow::Owned(redactor.table(&self.table)),
            ..self
        }
    }

    /// The first loss of a row, if it is a number.
    pub(super) fn loss(&self, row: usize) -> Option<f64> {
        let loss = self.table.rows.get(row)?.losses.first().copied().flatten()?;
        loss.is_finite().then_some(f64::from(loss))
    }

    /// The cluster of a row.
    pub(super) fn cluster(&self, row: usize) -> Option<usize> {
        self.clusters.as_ref().and_then(|(labels, _)| labels.get(row).copied().flatten())
    }
}

/// Takes the messages out of whatever did not pass: they may name any file, and samples that are not in the table.
fn redact_check(check: &mut CheckSummary, text: impl Fn(&str) -> String) {
    check.summary = if check.passed {
        text(&check.summary)
    } else {
        let failed = check.rows.iter().filter(|row| row.status == "failed").count();
        format!("{failed} of {} checks failed; what else is known is {LEFT_OUT}.", check.rows.len())
    };
    for row in &mut check.rows {
        row.name = text(&row.name);
        row.detail = match row.status.as_str() {
            "passed" => text(&row.detail),
            _ if row.detail.is_empty() => String::new(),
            _ => LEFT_OUT.to_owned(),
        };
    }
}

/// Takes ids out of the contenders' names, which may be those of files.
fn redact_comparison(comparison: &mut Comparison, text: impl Fn(&str) -> String) {
    let names = comparison.contenders.iter_mut().map(|one| &mut one.name);
    let of_pairs = comparison.pairs.iter_mut().flat_map(|pair| [&mut pair.first, &mut pair.second]);
    let groups = comparison.ranking.groups.iter_mut().flatten();
    let sentence = std::iter::once(&mut comparison.ranking.sentence);
    names.chain(of_pairs).chain(groups).chain(sentence).for_each(|name| *name = text(name));
}

fn redacted(insight: &Insight, redactor: &Redactor) -> Insight {
    let mut insight = insight.clone();
    let told = match &insight.evidence {
        Evidence::Group { rule: text, .. } | Evidence::Scores { what: text, .. } => text.as_str(),
        Evidence::Pairs { .. } | Evidence::Labels { .. } => "",
    };
    let kept = |difference: &Difference| {
        redactor.keeps(&difference.column) && difference.columns.iter().all(|column| redactor.keeps(column))
    };
    // Words around such a column hold its values, which may be too short to be found.
    if [insight.title.as_str(), &insight.sentence, told].iter().any(|text| redactor.names_column(text))
        || !insight.differences.iter().all(kept)
    {
        insight.title = format!("{}, by metadata that are left out", words(insight.kind));
        insight.sentence = format!("What sets these samples apart is {LEFT_OUT}.");
    } else {
        insight.title = redactor.text(&insight.title);
        insight.sentence = redactor.text(&insight.sentence);
    }
    insight.differences.retain(kept);
    for difference in &mut insight.differences {
        difference.category = difference.category.as_deref().map(|category| redactor.text(category));
    }
    match &mut insight.evidence {
        Evidence::Group { rule, .. } => *rule = redactor.rule(rule),
        Evidence::Scores { what, .. } => *what = redactor.rule(what),
        Evidence::Pairs { .. } | Evidence::Labels { .. } => {}
    }
    insight
}

/// Refuses parts that do not fit the table.
fn check(report: &Report) -> Result<()> {
    let rows = report.table.rows.len();
    let as_many = |what: &str, found: usize| match found == rows {
        true => Ok(()),
        false => Err(Error::argument("Report", format!("{rows} {what}, one for each row"), found.to_string())),
    };
    let inside = |what: &str, row: Option<&usize>| match row {
        Some(row) => Err(Error::argument("Report", format!("{what} below {rows}"), row.to_string())),
        None => Ok(()),
    };
    if let Some((points, _)) = &report.points {
        as_many("points", points.len())?;
    }
    if let Some((labels, _)) = &report.clusters {
        as_many("cluster labels", labels.len())?;
    }
    if let Some(neighbours) = report.neighbours {
        as_many("lists of neighbours", neighbours.indices.len())?;
        inside("neighbours", neighbours.indices.iter().flatten().find(|&&row| row >= rows))?;
    }
    for insight in report.insights {
        inside("samples of insights", insight.samples.iter().find(|&&row| row >= rows))?;
        if let Evidence::Pairs { pairs, .. } = &insight.evidence {
            inside("pairs of insights", pairs.iter().flat_map(|pair| [&pair.a, &pair.b]).find(|&&row| row >= rows))?;
        }
    }
    for picture in &report.pictures {
        inside("pictures' rows", Some(&picture.row).filter(|&&row| row >= rows))?;
        for (map, _) in &picture.heat_maps {
            let expected = map.height.checked_mul(map.width);
            if map.values.is_empty() || expected != Some(map.values.len()) {
                let expected = format!("a heat map of {} x {} values", map.height, map.width);
                return Err(Error::argument("Report", expected, map.values.len().to_string()));
            }
        }
    }
    Ok(())
}
