use serde::Serialize;

use super::insights::{self, InsightOptions};
use super::{
    ClusterOptions, Clustering, Columns, Insight, Matrix, Metric, Neighbours, Projection, ProjectionOptions,
    ShortcutOptions, Shortcuts,
};
use crate::Result;
use crate::evaluate::SampleTable;
use crate::progress::Progress;

/// Neighbours by whose classes the purity of the latent space is judged.
const JUDGED: usize = 10;
/// Neighbours that insights need at least.
const HEARD: usize = 10;

/// How a table is explored.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ExploreOptions {
    /// The population map.
    pub projection: ProjectionOptions,
    /// The clusters.
    pub clusters: ClusterOptions,
    /// Similar samples that are kept for each sample; insights hear 10 of them, so at least as many. Default: 12.
    pub neighbours: usize,
    /// What similar means in the latent space. Default: Euclidean.
    pub metric: Metric,
    /// When a group is worth an insight. Its level is that of all insights together: where nothing is to be found, at most that
    /// share of tables gives one that is not a plain fact such as equal files.
    pub insights: InsightOptions,
    /// The attribute that names the patient, or whatever several samples may be of. Default: `patient`.
    pub patient: String,
    /// How shortcuts are looked for.
    pub shortcuts: ShortcutOptions,
}

impl Default for ExploreOptions {
    fn default() -> Self {
        Self {
            projection: ProjectionOptions::default(),
            clusters: ClusterOptions::default(),
            neighbours: 12,
            metric: Metric::default(),
            insights: InsightOptions::default(),
            patient: "patient".to_owned(),
            shortcuts: ShortcutOptions::default(),
        }
    }
}

impl ExploreOptions {
    /// The defaults, with everything that is drawn at random drawn from `seed`.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        let mut options = Self::default();
        options.projection.seed = seed;
        options.clusters.seed = seed;
        options.insights.bootstrap.seed = seed;
        options.shortcuts.seed = seed;
        options
    }
}

/// What an exploration found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Exploration {
    /// The latent space; none where the rows have no latent vectors.
    pub latent: Option<LatentSpace>,
    /// What stands out, the most severe first.
    pub insights: Vec<Insight>,
    /// How well each metadata column alone tells the label.
    pub shortcuts: Shortcuts,
}

/// The latent space of a table: every field has an entry for each row.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LatentSpace {
    /// The population map, and the principal components behind it.
    pub projection: Projection,
    /// Clusters by density (HDBSCAN).
    pub clusters: Clustering,
    /// Clusters by centres (k-means).
    pub kmeans: Clustering,
    /// The most similar rows of each row.
    pub neighbours: Neighbours,
}

/// Explores a table of samples: map, clusters, similar samples, shortcuts, insights.
///
/// Works on any table that [`SampleTable::validate`] accepts, with as little as it holds: without latent vectors there is no
/// [`LatentSpace`], without labels nothing is said of errors, without metadata nothing of groups by them.
///
/// *Determinism*: the same table and options give the same bits for any number of threads. *Cost*: `benches/explore.rs`.
///
/// # Errors
/// As [`SampleTable::validate`]; [`crate::Error::Argument`] for latent values that are not finite; [`crate::Error::Config`] for options out of range.
pub fn explore(table: &SampleTable, options: &ExploreOptions, progress: &dyn Progress) -> Result<Exploration> {
    table.validate()?;
    let steps = if table.rows.first().is_some_and(|row| !row.latent.is_empty()) { 4 } else { 2 };
    progress.begin("explore", steps);
    let found = stages(table, options, &|| progress.advance(1));
    progress.end();
    found
}

fn stages(table: &SampleTable, options: &ExploreOptions, done: &dyn Fn()) -> Result<Exploration> {
    let latents = Matrix::from_rows(table.rows.iter().map(|row| &row.latent))?;
    let latent = if latents.columns() > 0 { Some(LatentSpace::of(&latents, table, options, done)?) } else { None };
    let columns = Columns::of(table)?;
    let shortcuts = columns.shortcuts(table, &options.shortcuts)?;
    done();
    let insights = insights::all(table, &columns, latent.as_ref(), options)?;
    done();
    Ok(Exploration { latent, insights, shortcuts })
}

impl LatentSpace {
    fn of(latents: &Matrix, table: &SampleTable, options: &ExploreOptions, done: &dyn Fn()) -> Result<Self> {
        let projection = Projection::fit(latents, &options.projection)?;
        let neighbours = Neighbours::of(latents, options.neighbours.max(HEARD), options.metric);
        done();
        let labels: Vec<Option<usize>> = table.rows.iter().map(|row| row.label).collect();
        let scores = projection.scores();
        let clusters = Clustering::hdbscan(scores, &options.clusters)?.with_labels(&labels, JUDGED)?;
        let kmeans = Clustering::kmeans(scores, &options.clusters)?.with_labels(&labels, JUDGED)?;
        done();
        Ok(Self { projection, clusters, kmeans, neighbours })
    }

    /// The clusters to speak of: by density where that finds at least two and calls no more than a third of the rows noise,
    /// else by centres.
    pub fn groups(&self) -> &Clustering {
        let found = self.clusters.sizes.len() >= 2 && 3 * self.clusters.noise() <= self.clusters.labels.len();
        if found { &self.clusters } else { &self.kmeans }
    }
}
