//! The page: what it holds, within its size.

use std::io;

use askama::Template;

use super::budget::{Budget, by_importance};
use super::calibration::Reliability;
use super::check::{CheckTable, ShortcutLine};
use super::cluster::ClusterTable;
use super::comparison::{self, ComparisonSection};
use super::curves::Curves;
use super::data::Data;
use super::family::Family;
use super::gallery::{Choice, Part, fill_in};
use super::headline::Headline;
use super::insight::Card;
use super::json::embedded;
use super::numbers::{LONGEST_TEXT, counted, cut, thousands};
use super::picture;
use super::prepared::Prepared;
use super::sprites::Sprites;
use super::{DISCLAIMER, MethodNote, assets};
use crate::imaging::Image;
use crate::{Error, Result};

/// How many samples have what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Held {
    pub(super) thumbnails: usize,
    pub(super) pictures: usize,
    pub(super) histograms: usize,
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    policy: &'a str,
    style: &'a str,
    script: &'a str,
    disclaimer: &'a str,
    title_cut: String,
    facts: &'a [(String, String)],
    headline: &'a Headline,
    comparison: Option<&'a ComparisonSection>,
    reliability: &'a [Reliability],
    has_map: bool,
    map_note: String,
    clusters: &'a ClusterTable,
    cards: &'a [Card],
    gallery: &'a [Part],
    curves: &'a [Curves],
    check: Option<&'a CheckTable>,
    shortcuts: &'a [ShortcutLine],
    methods: &'a [MethodNote],
    held_notes: &'a [String],
    data: &'a str,
    sprites: &'a str,
    histograms: &'a str,
}

/// What of the map's data did not fit.
#[derive(Clone, Copy)]
struct LeftOut {
    /// How many similar samples are held for each sample, if not all.
    neighbours: Option<usize>,
    attributes: usize,
    columns: usize,
}

/// Everything on the page but pictures and histograms.
struct Fixed<'a> {
    report: &'a Prepared<'a>,
    policy: String,
    headline: Headline,
    comparison: Option<ComparisonSection>,
    reliability: Vec<Reliability>,
    clusters: ClusterTable,
    cards: Vec<Card>,
    curves: Vec<Curves>,
    check: Option<CheckTable>,
    shortcuts: Vec<ShortcutLine>,
    facts: Vec<(String, String)>,
    methods: Vec<MethodNote>,
    data: String,
}

/// What is held as far as it fits.
#[derive(Default)]
struct Extras {
    gallery: Vec<Part>,
    sprites: String,
    histograms: String,
    notes: Vec<String>,
}

/// The page, in at most `max_bytes`.
pub(super) fn render(report: &Prepared, max_bytes: usize) -> Result<(String, Held)> {
    let family = Family::find(&report.table).filter(|family| !family.is_empty(&report.table));
    let mut fixed = Fixed::new(report, family.as_ref());
    let choice = Choice::of(report);
    let bare = Extras { gallery: choice.parts(report, &[]), ..Extras::default() };
    let used = fixed.html(&bare)?.len();
    let left_out = fixed.add_data(family.as_ref(), max_bytes.saturating_sub(used))?;
    let mut budget = Budget::new(max_bytes, used + fixed.data.len())?;

    let times = |row: usize| choice.times(row);
    let mut pictures = picture::within(budget.share(40), report.pictures, times)?;
    let with_pictures = pictures.len();
    fill_in(&choice, report, &mut pictures, budget.share(10))?;
    budget.take(pictures.iter().map(|picture| picture.bytes() * times(picture.row)).sum());

    // Small pictures and histograms of single samples are seen only with the map.
    let has_map = fixed.has_map();
    let order = if has_map { by_importance(report, &choice) } else { Vec::new() };
    let small: Vec<(usize, &Image)> =
        order.iter().filter_map(|&row| Some((row, report.table.rows[row].thumbnail.as_ref()?))).collect();
    let each = family.as_ref().map_or(0, Family::bytes_each);
    let wanted = each * order.len();
    // Thumbnails may use what histograms do not need, and at least two thirds.
    let for_sprites = budget.share(100).saturating_sub(wanted).max(budget.share(66));
    let sprites = Sprites::within(for_sprites, &small)?;
    let thumbnails = sprites.as_ref().map_or(0, |(_, count)| *count);
    let sprites = sprites.map(|(sprites, _)| embedded(&sprites)).transpose()?.unwrap_or_default();
    budget.take(sprites.len());

    let packed = family.as_ref().map(|family| {
        let fitting = budget.share(95) / each.max(1);
        family.pack(&report.table, order.iter().copied().take(fitting).collect())
    });
    let held = Held { thumbnails, pictures: with_pictures, histograms: packed.as_ref().map_or(0, |(_, count)| *count) };
    let extras = Extras {
        gallery: choice.parts(report, &pictures),
        sprites,
        histograms: packed.map(|(packed, _)| embedded(&packed)).transpose()?.unwrap_or_default(),
        notes: notes(report, held, left_out, small.len(), has_map && family.is_some()),
    };
    let html = fixed.html(&extras)?;
    if html.len() > max_bytes {
        return Err(Error::config("max_bytes", format!("at least {}", html.len()), max_bytes.to_string()));
    }
    Ok((html, held))
}

/// In words, what is held and what is left out.
fn notes(report: &Prepared, held: Held, left_out: LeftOut, thumbnails: usize, family: bool) -> Vec<String> {
    let all = thousands(report.table.rows.len());
    let mut notes = Vec::new();
    if thumbnails > 0 {
        notes.push(format!("{} of {all} samples have a small picture on the map.", thousands(held.thumbnails)));
    }
    if !report.pictures.is_empty() {
        let given = counted(report.pictures.len(), "picture");
        notes.push(format!("{} of {given} with heat maps are held.", thousands(held.pictures)));
    }
    if family {
        notes.push(format!(
            "{} of {all} samples have their histogram in the side panel, each bin as the square root of its share of the highest bin, in 255 steps.",
            thousands(held.histograms)
        ));
    }
    match left_out.neighbours {
        Some(0) => notes.push("The similar samples of each sample did not fit.".to_owned()),
        Some(held) => notes.push(format!("Only the nearest {held} similar samples of each sample fit.")),
        None => {}
    }
    let mut not_fitting = |count: usize, what: &str| {
        if count > 0 {
            let what = counted(count, what);
            notes.push(format!("{what} did not fit and can be found only in the tables beside this page."));
        }
    };
    not_fitting(left_out.attributes, "attribute");
    not_fitting(left_out.columns, "metadata column");
    if let Some(columns) = report.private {
        let columns =
            if columns > 0 { format!(", and so are {}", counted(columns, "metadata column")) } else { String::new() };
        notes.push(format!("Private: ids, attributes and file names are left out{columns}. Samples are called by their place in the table."));
    }
    notes
}

impl<'a> Fixed<'a> {
    fn new(report: &'a Prepared<'a>, family: Option<&Family>) -> Self {
        let long = |text: &str| cut(text, 4 * LONGEST_TEXT);
        let pair = |(name, value): &(String, String)| (cut(name, LONGEST_TEXT), long(value));
        let cards = report.insights.iter().enumerate();
        let compared = report.comparison.as_deref().map(comparison::method);
        let methods = report.methods.iter().chain(&compared).map(|method| MethodNote {
            name: cut(&method.name, LONGEST_TEXT),
            text: long(&method.text),
            parameters: method.parameters.iter().map(pair).collect(),
            source: long(&method.source),
        });
        Self {
            report,
            policy: assets::policy(),
            headline: Headline::of(report),
            comparison: ComparisonSection::of(report),
            reliability: Reliability::of(&report.table),
            clusters: ClusterTable::of(report),
            cards: cards.map(|(place, insight)| Card::new(place, insight, report)).collect(),
            curves: family.map_or_else(Vec::new, |family| Curves::of(report, family)),
            check: CheckTable::of(report),
            shortcuts: report.shortcuts.iter().map(ShortcutLine::new).collect(),
            facts: report.facts.iter().map(pair).collect(),
            methods: methods.collect(),
            data: String::new(),
        }
    }

    fn has_map(&self) -> bool {
        self.report.points.is_some() && !self.report.table.rows.is_empty()
    }

    /// Adds the map's data: without metadata columns they should keep to two thirds of `bytes`, and the columns to half of what
    /// is then left.
    fn add_data(&mut self, family: Option<&Family>, bytes: usize) -> Result<LeftOut> {
        let mut left_out = LeftOut { neighbours: None, attributes: 0, columns: 0 };
        if !self.has_map() {
            return Ok(left_out);
        }
        let mut data = Data::new(self.report);
        let (neighbours, attributes) = data.held();
        let mut length = embedded(&data)?.len();
        while length > bytes / 3 * 2 && data.reduce(self.report) {
            length = embedded(&data)?.len();
        }
        left_out.neighbours = Some(data.held().0).filter(|&held| held < neighbours);
        left_out.attributes = attributes - data.held().1;
        left_out.columns = data.add_columns(self.report, family, bytes.saturating_sub(length) / 2);
        self.data = embedded(&data)?;
        Ok(left_out)
    }

    fn html(&self, extras: &Extras) -> Result<String> {
        let page = Page {
            policy: &self.policy,
            style: assets::STYLE,
            script: assets::SCRIPT,
            disclaimer: DISCLAIMER,
            title_cut: cut(&self.report.title, LONGEST_TEXT),
            facts: &self.facts,
            headline: &self.headline,
            comparison: self.comparison.as_ref(),
            reliability: &self.reliability,
            has_map: self.has_map(),
            map_note: self.report.points.as_ref().map_or_else(String::new, |(_, note)| cut(note, 4 * LONGEST_TEXT)),
            clusters: &self.clusters,
            cards: &self.cards,
            gallery: &extras.gallery,
            curves: &self.curves,
            check: self.check.as_ref(),
            shortcuts: &self.shortcuts,
            methods: &self.methods,
            held_notes: &extras.notes,
            data: &self.data,
            sprites: &extras.sprites,
            histograms: &extras.histograms,
        };
        page.render().map_err(|error| Error::io("write", "report", io::Error::other(error)))
    }
}
