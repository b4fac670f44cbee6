//! One offline HTML file that shows where a model fails and why, and the same tables beside it.
//!
//! A [`Report`] is put together from a [`SampleTable`] and from whatever else is known: a map, clusters, neighbours,
//! insights, metrics, heat maps, the binder test's outcome. Only the table is needed; what is not given is not shown.
//! [`Report::write`] gives one file that opens in any browser without a network: pictures, data, style and script are
//! inside, and its content security policy forbids every request. [`Report::write_tables`] puts CSV, JSON and, with the
//! feature `parquet`, Parquet beside it.
//!
//! The headline, insights, gallery, curves, check and notes are plain HTML and SVG; the population map needs JavaScript.
//! All text is escaped. [`Report::private`] leaves out ids and file names. [`Report::max_bytes`] bounds the size: pictures
//! are made smaller and fewer until they fit, then similar samples, attributes and metadata columns are left out, and the page
//! says how many of how many it holds.
//!
//! Equal input gives equal bytes: no clock, no chance, no order that depends on threads.
//!
//! ```
//! use leap_binder::contract::DataState;
//! use leap_binder::evaluate::{SampleRow, SampleTable};
//! use leap_binder::report::Report;
//!
//! let mut table = SampleTable::new(["normal", "bacteria"]);
//! table.rows.push(SampleRow::new("person1", DataState::Test, vec![0.2, 0.8]));
//! let html = Report::new("Chest X-rays", &table).map(&[[0.0, 0.0]], "one point").html()?;
//! assert!(html.starts_with("<!doctype html>") && html.contains("person1"));
//! # Ok::<(), leap_binder::Error>(())
//! ```

mod assets;
mod budget;
mod calibration;
mod check;
mod cluster;
mod columns;
mod comparison;
mod curves;
mod data;
mod explained;
mod family;
mod from_check;
mod gallery;
mod headline;
mod heat;
mod insight;
mod json;
mod methods;
mod numbers;
mod page;
mod parts;
mod picture;
mod prepared;
mod private;
mod sprites;
mod study;
mod tables;
mod telling;

use std::fs;
use std::path::{Path, PathBuf};

pub use parts::{CheckRow, CheckSummary, ClusterFacts, MethodNote, Picture, Shortcut};
pub use study::{Study, StudyOptions};

use crate::compare::Comparison;
use crate::contract::DataState;
use crate::evaluate::SampleTable;
use crate::explore::{Insight, Neighbours};
use crate::metrics::ClassificationReport;
use crate::{Error, Result};
use prepared::Prepared;

/// The sentence that every report shows.
pub const DISCLAIMER: &str =
    "Research software, not a diagnostic device: no decision about a patient may rest on these results.";

/// What a report is made of; see the [module](self).
#[derive(Debug, Clone)]
pub struct Report<'a> {
    title: String,
    table: &'a SampleTable,
    points: Option<(&'a [[f32; 2]], String)>,
    clusters: Option<(&'a [Option<usize>], Vec<ClusterFacts>)>,
    neighbours: Option<&'a Neighbours>,
    insights: &'a [Insight],
    metrics: Vec<(DataState, &'a ClassificationReport)>,
    comparison: Option<&'a Comparison>,
    facts: Vec<(String, String)>,
    check: Option<CheckSummary>,
    shortcuts: Vec<Shortcut>,
    pictures: Vec<Picture>,
    methods: Vec<MethodNote>,
    private: bool,
    max_bytes: usize,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReportSummary {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: usize,
    /// Samples in the table.
    pub samples: usize,
    /// Samples with a small picture on the map.
    pub thumbnails: usize,
    /// Samples with a larger picture, and their heat maps.
    pub pictures: usize,
    /// Samples with a pixel histogram in the side panel.
    pub histograms: usize,
}

impl<'a> Report<'a> {
    /// A report of a table and nothing else yet.
    pub fn new(title: impl Into<String>, table: &'a SampleTable) -> Self {
        Self {
            title: title.into(),
            table,
            points: None,
            clusters: None,
            neighbours: None,
            insights: &[],
            metrics: Vec::new(),
            comparison: None,
            facts: Vec::new(),
            check: None,
            shortcuts: Vec::new(),
            pictures: Vec::new(),
            methods: Vec::new(),
            private: false,
            max_bytes: 15_000_000,
        }
    }

    /// Where each row lies on the population map, and a note on how it was made, for example `t-SNE, trustworthiness
    /// 0.97`. Points that are not finite are not drawn.
    pub fn map(mut self, points: &'a [[f32; 2]], note: impl Into<String>) -> Self {
        self.points = Some((points, note.into()));
        self
    }

    /// The cluster of each row, none for noise, and what is known of each cluster.
    pub fn clusters(mut self, labels: &'a [Option<usize>], facts: impl Into<Vec<ClusterFacts>>) -> Self {
        self.clusters = Some((labels, facts.into()));
        self
    }

    /// The nearest rows of each row, for "similar samples". At most the first twelve are kept.
    pub fn neighbours(mut self, neighbours: &'a Neighbours) -> Self {
        self.neighbours = Some(neighbours);
        self
    }

    /// The insights, the most severe first.
    pub fn insights(mut self, insights: &'a [Insight]) -> Self {
        self.insights = insights;
        self
    }

    /// Adds the metrics of one subset; they are shown in the order in which they are added.
    pub fn metrics(mut self, state: DataState, report: &'a ClassificationReport) -> Self {
        self.metrics.push((state, report));
        self
    }

    /// Several models on the same samples, of which the table's may be one.
    pub fn comparison(mut self, comparison: &'a Comparison) -> Self {
        self.comparison = Some(comparison);
        self
    }

    /// Adds facts on data, model and provenance, by name, for the headline.
    pub fn facts<N: Into<String>, V: Into<String>>(mut self, facts: impl IntoIterator<Item = (N, V)>) -> Self {
        self.facts.extend(facts.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// The outcome of the binder test.
    pub fn check(mut self, check: CheckSummary) -> Self {
        self.check = Some(check);
        self
    }

    /// How well single metadata columns alone predict the label, the best first.
    pub fn shortcuts(mut self, shortcuts: impl Into<Vec<Shortcut>>) -> Self {
        self.shortcuts = shortcuts.into();
        self
    }

    /// Larger pictures with heat maps, the most important first: what does not fit is left out from the end.
    pub fn pictures(mut self, pictures: impl Into<Vec<Picture>>) -> Self {
        self.pictures = pictures.into();
        self
    }

    /// The notes on methods.
    pub fn methods(mut self, methods: impl Into<Vec<MethodNote>>) -> Self {
        self.methods = methods.into();
        self
    }

    /// Whether ids, attributes and everything that looks like them are left out, of the page and of the tables beside it.
    /// False by default.
    ///
    /// Samples are called `sample 17`, by their place in the table, in sentences too; ids that are numbers only after a word
    /// that announces them, such as `sample`. Metadata columns go when they are named after ids, files or patients, when they
    /// hold a row's id or attribute, or when most of their texts occur once. Insights on such columns are told in general
    /// words, and what the binder test says of checks that did not pass is left out. The title is kept as it is, and so is
    /// writing inside images.
    pub fn private(mut self, private: bool) -> Self {
        self.private = private;
        self
    }

    /// The most bytes that the page may have; 15,000,000 by default.
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// The page.
    ///
    /// # Errors
    /// [`Error::Argument`] when the parts do not fit the table (another number of points, labels or neighbours, rows that
    /// do not exist, a heat map whose values are not `height x width`); [`Error::Config`] when not even a page without
    /// pictures keeps to [`Report::max_bytes`].
    pub fn html(&self) -> Result<String> {
        page::render(&Prepared::new(self)?, self.max_bytes).map(|(html, _)| html)
    }

    /// Writes the page.
    ///
    /// # Errors
    /// As [`Report::html`], and [`Error::Io`].
    pub fn write(&self, path: impl AsRef<Path>) -> Result<ReportSummary> {
        let path = path.as_ref();
        let (html, held) = page::render(&Prepared::new(self)?, self.max_bytes)?;
        fs::write(path, &html).map_err(|error| Error::io("write", path, error))?;
        Ok(ReportSummary {
            path: path.to_path_buf(),
            bytes: html.len(),
            samples: self.table.rows.len(),
            thumbnails: held.thumbnails,
            pictures: held.pictures,
            histograms: held.histograms,
        })
    }

    /// Writes the tables behind the page into a folder, which is made if need be, and gives their paths.
    ///
    /// `samples`, `map`, `insights`, `differences` (one line for each column of each insight), `clusters`, `shortcuts`,
    /// `metrics` (those of a subset have no class), `confusion`, `check`, `comparison` (one line for each number of each
    /// contender) and `comparison_tests`, each as `.csv` and `.json`, and as `.parquet` with
    /// the feature of that name; tables of parts that were not given are left out. In JSON the differences are inside the
    /// insights; elsewhere the samples of an insight are joined by semicolons.
    ///
    /// # Errors
    /// As [`Report::html`], and [`Error::Io`].
    pub fn write_tables(&self, folder: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
        tables::write(&Prepared::new(self)?, folder.as_ref())
    }
}
