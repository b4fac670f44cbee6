//! Groups of the latent space: by density and by centres, with how good, how pure and how stable they are.

mod density;
mod kmeans;
mod purity;
mod scores;
mod stability;

use serde::Serialize;

use super::Matrix;
use super::projection::{Pca, draw};
use crate::{Error, Result};

pub use purity::Purity;
pub use scores::{davies_bouldin, silhouette};

/// Rows whose silhouettes are computed, at most; each against all rows.
const SILHOUETTE_ROWS: usize = 2_000;

/// The share of the rows that a resample holds.
const SHARE: f64 = 0.8;

/// What groups are made with.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ClusterOptions {
    /// Draws centres, resamples and the rows whose silhouettes are computed.
    pub seed: u64,
    /// Principal components in which rows are compared, at most; density has little meaning in many. Default 10.
    pub dimensions: usize,
    /// HDBSCAN: fewer rows are no cluster. Default a hundredth of the rows, and 5 at least.
    pub min_cluster_size: Option<usize>,
    /// HDBSCAN: rows within the distance that makes a row dense, itself counted. Default `min_cluster_size`, 15 at most.
    pub min_samples: Option<usize>,
    /// k-means: the numbers of clusters to choose from. Default 2 to 10.
    pub clusters: std::ops::RangeInclusive<usize>,
    /// k-means: starts, of which the best counts. Default 10.
    pub restarts: usize,
    /// Resamples by which stability is measured. Default 15; 0 leaves it out.
    pub resamples: usize,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            dimensions: 10,
            min_cluster_size: None,
            min_samples: None,
            clusters: 2..=10,
            restarts: 10,
            resamples: 15,
        }
    }
}

impl ClusterOptions {
    /// The defaults with another seed.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Compares rows in up to so many principal components.
    pub fn with_dimensions(mut self, dimensions: usize) -> Self {
        self.dimensions = dimensions;
        self
    }

    /// Sets HDBSCAN's smallest cluster.
    pub fn with_min_cluster_size(mut self, rows: usize) -> Self {
        self.min_cluster_size = Some(rows);
        self
    }

    /// Sets HDBSCAN's neighbourhood.
    pub fn with_min_samples(mut self, rows: usize) -> Self {
        self.min_samples = Some(rows);
        self
    }

    /// Sets the numbers of clusters from which k-means chooses.
    pub fn with_clusters(mut self, clusters: std::ops::RangeInclusive<usize>) -> Self {
        self.clusters = clusters;
        self
    }

    /// Sets the starts of k-means.
    pub fn with_restarts(mut self, restarts: usize) -> Self {
        self.restarts = restarts;
        self
    }

    /// Sets the resamples.
    pub fn with_resamples(mut self, resamples: usize) -> Self {
        self.resamples = resamples;
        self
    }

    fn checked(&self) -> Result<()> {
        let refuse = |option: &str, expected: &str, found: String| Err(Error::config(option, expected, found));
        if self.dimensions == 0 {
            return refuse("dimensions", "at least 1", "0".to_owned());
        }
        if self.min_cluster_size.is_some_and(|size| size < 2) {
            return refuse("min_cluster_size", "at least 2", format!("{:?}", self.min_cluster_size.unwrap_or(0)));
        }
        if self.min_samples == Some(0) {
            return refuse("min_samples", "at least 1", "0".to_owned());
        }
        if *self.clusters.start() == 0 || self.clusters.is_empty() {
            return refuse("clusters", "a range that begins at 1 or above", format!("{:?}", self.clusters));
        }
        if self.restarts == 0 {
            return refuse("restarts", "at least 1", "0".to_owned());
        }
        Ok(())
    }
}

/// How clusters were found, with the parameters that were used.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "name")]
#[non_exhaustive]
pub enum ClusterMethod {
    /// Hierarchical density-based clustering, excess of mass (Campello, Moulavi, Sander, PAKDD 2013).
    Hdbscan {
        /// Fewer rows are no cluster.
        min_cluster_size: usize,
        /// Rows within the distance that makes a row dense, itself counted.
        min_samples: usize,
    },
    /// k-means, with the number of clusters that has the largest silhouette.
    KMeans {
        /// The number of clusters.
        clusters: usize,
        /// Starts, of which the best was kept.
        restarts: usize,
        /// The sum of squared distances to the centres.
        inertia: f64,
        /// Each number of clusters that was tried, with its silhouette.
        tried: Vec<(usize, Option<f64>)>,
    },
}

/// Rows in groups, numbered by size, the largest first; of equal ones that with the earliest row.
///
/// Rows are compared by Euclidean distance in a few principal components: a matrix with more columns than
/// [`ClusterOptions::dimensions`] is reduced to that many first. Give the scores of a
/// [`Projection`](super::Projection) to save the time of a second decomposition.
///
/// *Determinism*: the same matrix and options give the same clusters and scores for every number of threads.
///
/// ```
/// use leap_binder::explore::{ClusterOptions, Clustering, Matrix};
/// let rows: Vec<[f32; 2]> = (0..30).map(|i| [(i / 10 * 100) as f32, (i % 10) as f32]).collect();
/// let clusters = Clustering::kmeans(&Matrix::from_rows(&rows)?, &ClusterOptions::default())?;
/// assert_eq!(clusters.sizes, [10, 10, 10]);
/// assert_eq!(clusters.labels[0], Some(0));
/// # Ok::<(), leap_binder::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Clustering {
    /// The cluster of each row; none for noise, which only HDBSCAN has.
    pub labels: Vec<Option<usize>>,
    /// Rows of each cluster.
    pub sizes: Vec<usize>,
    /// The method and its parameters.
    pub method: ClusterMethod,
    /// The principal components, or columns, in which rows were compared.
    pub dimensions: usize,
    /// The mean silhouette, in [-1, 1]; over a seeded sample of 2,000 rows where there are more, each against all. Noise left
    /// out. None for fewer than two clusters.
    pub silhouette: Option<f64>,
    /// The Davies-Bouldin index, 0 or above, smaller is better; noise left out. None for fewer than two clusters.
    pub davies_bouldin: Option<f64>,
    /// For each cluster how well resamples recover it: the mean over resamples of 80 % of the rows of the largest Jaccard index
    /// with any cluster found there (Hennig, "Cluster-wise assessment of cluster stability", 2007). Above 0.85 is very stable,
    /// below 0.6 is not to be trusted. Empty without resamples.
    pub stability: Vec<f64>,
    /// How clusters and neighbourhoods go with given labels; none until [`Clustering::with_labels`].
    pub purity: Option<Purity>,
    #[serde(skip)]
    space: Matrix,
}

impl Clustering {
    /// Clusters by density; rows of sparse regions are noise. Data of one dense region alone has no cluster, as in scikit-learn
    /// without `allow_single_cluster`.
    ///
    /// The time grows with the square of the number of rows, once for the rows and once for each resample of 80 %.
    ///
    /// # Errors
    /// [`Error::Config`] for an option that cannot work; [`Error::Tensor`] when a matrix product fails.
    pub fn hdbscan(matrix: &Matrix, options: &ClusterOptions) -> Result<Self> {
        options.checked()?;
        let space = reduce(matrix, options.dimensions)?;
        let min_cluster_size = options.min_cluster_size.unwrap_or((space.rows() / 100).max(5));
        let min_samples = options.min_samples.unwrap_or(min_cluster_size.min(15));
        let labels = density::labels(&space, min_cluster_size, min_samples)?;
        let method = ClusterMethod::Hdbscan { min_cluster_size, min_samples };
        // A resample is thinner, so that what counts as a cluster has to be smaller in proportion.
        let smaller = |rows: usize, least: usize| ((rows as f64 * SHARE).round() as usize).max(least);
        let again = |part: &Matrix, _| density::labels(part, smaller(min_cluster_size, 2), smaller(min_samples, 1));
        Self::described(space, labels, method, options, again)
    }

    /// Clusters around centres. Of the allowed numbers of clusters the one with the largest silhouette is taken, of equal ones the
    /// smallest; there are never more clusters than different rows.
    ///
    /// # Errors
    /// As [`Clustering::hdbscan`].
    pub fn kmeans(matrix: &Matrix, options: &ClusterOptions) -> Result<Self> {
        options.checked()?;
        let space = reduce(matrix, options.dimensions)?;
        let (run, tried) = kmeans::choose(&space, options.clusters.clone(), options.restarts, options.seed);
        let clusters = run.centres.len();
        let method = ClusterMethod::KMeans { clusters, restarts: options.restarts, inertia: run.inertia, tried };
        let labels = run.labels.into_iter().map(Some).collect();
        let again = |part: &Matrix, seed| {
            let restarts = options.restarts.min(3);
            Ok(kmeans::best(part, clusters, restarts, seed).labels.into_iter().map(Some).collect())
        };
        Self::described(space, labels, method, options, again)
    }

    fn described(
        space: Matrix,
        labels: Vec<Option<usize>>,
        method: ClusterMethod,
        options: &ClusterOptions,
        again: impl Fn(&Matrix, u64) -> Result<Vec<Option<usize>>> + Sync,
    ) -> Result<Self> {
        let (labels, sizes) = numbered(&labels);
        let stability = stability::jaccard(&space, &labels, sizes.len(), SHARE, options, again)?;
        Ok(Self {
            silhouette: silhouette(&space, &labels, SILHOUETTE_ROWS, options.seed)?,
            davies_bouldin: davies_bouldin(&space, &labels)?,
            dimensions: space.columns(),
            labels,
            sizes,
            method,
            stability,
            purity: None,
            space,
        })
    }

    /// Adds how clusters and neighbourhoods go with `classes`, one for each row or none where it is not known; `neighbours` are
    /// those by which a row's surroundings are judged, in the space of the clusters.
    ///
    /// # Errors
    /// [`Error::Argument`] when there are more or fewer classes than rows.
    pub fn with_labels(mut self, classes: &[Option<usize>], neighbours: usize) -> Result<Self> {
        self.purity = Some(Purity::of(&self.space, &self.labels, self.sizes.len(), classes, neighbours)?);
        Ok(self)
    }

    /// The rows of a cluster, in order.
    pub fn members(&self, cluster: usize) -> Vec<usize> {
        (0..self.labels.len()).filter(|&row| self.labels[row] == Some(cluster)).collect()
    }

    /// How many rows belong to no cluster.
    pub fn noise(&self) -> usize {
        self.labels.iter().filter(|label| label.is_none()).count()
    }
}

/// The rows in at most `dimensions` principal components.
fn reduce(matrix: &Matrix, dimensions: usize) -> Result<Matrix> {
    if matrix.columns() <= dimensions {
        return Ok(matrix.clone());
    }
    Pca::fit(matrix, dimensions)?.transform(matrix)
}

/// Numbers clusters by size, the largest first, then by their first row; gives the sizes too.
fn numbered(labels: &[Option<usize>]) -> (Vec<Option<usize>>, Vec<usize>) {
    let count = labels.iter().flatten().max().map_or(0, |&largest| largest + 1);
    let mut found: Vec<(usize, usize, usize)> = (0..count).map(|cluster| (0, labels.len(), cluster)).collect();
    for (row, label) in labels.iter().enumerate() {
        if let Some(cluster) = *label {
            found[cluster].0 += 1;
            found[cluster].1 = found[cluster].1.min(row);
        }
    }
    found.retain(|&(size, ..)| size > 0);
    found.sort_by_key(|&(size, first, _)| (std::cmp::Reverse(size), first));
    let mut names = vec![0; count];
    found.iter().enumerate().for_each(|(name, &(.., cluster))| names[cluster] = name);
    let labels = labels.iter().map(|label| label.map(|cluster| names[cluster])).collect();
    (labels, found.into_iter().map(|(size, ..)| size).collect())
}

/// The given rows of a matrix.
fn part(matrix: &Matrix, rows: &[usize]) -> Result<Matrix> {
    Matrix::new(rows.len(), matrix.columns(), rows.iter().flat_map(|&row| matrix.row(row)).copied().collect())
}
