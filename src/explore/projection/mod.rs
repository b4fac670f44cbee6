//! Maps of the latent space: principal components, and t-SNE on them.

mod affinities;
mod pca;
mod place;
mod quadtree;
mod quality;
mod symmetric;
mod tsne;

use serde::Serialize;

use super::{Matrix, Metric, Neighbours};
use crate::rng::SplitMix64;
use crate::{Error, Result};

pub use affinities::Affinities;
pub use pca::Pca;
pub use quality::Quality;
pub(super) use quality::draw;

/// Neighbours by which a map is judged.
const JUDGED_NEIGHBOURS: usize = 12;

/// Points whose neighbourhoods judge a map, at most.
const JUDGED_POINTS: usize = 2_000;

/// Fewer rows than this have no t-SNE: no perplexity above 1 would be left.
const FEWEST: usize = 5;

/// The standard deviation of the first axis before the descent.
const START: f64 = 1e-4;

/// How points of the plane are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProjectionMethod {
    /// t-SNE on the principal components, by Barnes-Hut.
    #[default]
    TSne,
    /// The first two principal components.
    Pca,
}

/// What a map is made with.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ProjectionOptions {
    /// Draws the points by which the map is judged, and a start where the data lies on a line.
    pub seed: u64,
    /// Principal components kept, at most. Default 50.
    pub dimensions: usize,
    /// How many neighbours count for a point, in effect; cut to a third of the other rows. Default 30.
    pub perplexity: f64,
    /// Steps of t-SNE's descent. Default 1,000, as in scikit-learn; the time is proportional.
    pub iterations: usize,
    /// The method. Default t-SNE.
    pub method: ProjectionMethod,
}

impl Default for ProjectionOptions {
    fn default() -> Self {
        Self { seed: 0, dimensions: 50, perplexity: 30.0, iterations: 1_000, method: ProjectionMethod::TSne }
    }
}

impl ProjectionOptions {
    /// The defaults with another seed.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Keeps up to so many principal components.
    pub fn with_dimensions(mut self, dimensions: usize) -> Self {
        self.dimensions = dimensions;
        self
    }

    /// Sets the perplexity.
    pub fn with_perplexity(mut self, perplexity: f64) -> Self {
        self.perplexity = perplexity;
        self
    }

    /// Sets the steps of the descent.
    pub fn with_iterations(mut self, iterations: usize) -> Self {
        self.iterations = iterations;
        self
    }

    /// Sets the method.
    pub fn with_method(mut self, method: ProjectionMethod) -> Self {
        self.method = method;
        self
    }
}

/// A map: one point of the plane for each row, and what is known about how good it is.
///
/// t-SNE (van der Maaten and Hinton, JMLR 2008; Barnes-Hut, van der Maaten, JMLR 2014) runs on the leading principal components,
/// from the first two of them scaled down, as scikit-learn's does with `init="pca"`. Distances between far groups on such a map
/// mean little; who is near whom means much, and `trustworthiness` says how much.
///
/// *Determinism*: the same matrix and options give the same bits for every number of threads.
///
/// ```
/// use leap_binder::explore::{Matrix, Projection, ProjectionOptions};
/// let rows: Vec<[f32; 3]> = (0..20).map(|i| [(i / 10 * 9) as f32, (i % 10) as f32, 1.0]).collect();
/// let map = Projection::fit(&Matrix::from_rows(&rows)?, &ProjectionOptions::default())?;
/// assert_eq!(map.points.len(), 20);
/// assert_eq!(map.pca.dimensions, 2);
/// let placed = map.place(&Matrix::from_rows(&rows[3..4])?)?;
/// assert_eq!(placed[0], map.points[3]);
/// # Ok::<(), leap_binder::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Projection {
    /// One for each row.
    pub points: Vec<[f32; 2]>,
    /// The method that made them: t-SNE, unless the principal components were asked for, there are fewer than five rows, or the
    /// rows do not differ.
    pub method: ProjectionMethod,
    /// The principal components behind them.
    pub pca: Pca,
    /// The perplexity used; none without t-SNE.
    pub perplexity: Option<f64>,
    /// The map's final Kullback-Leibler divergence from the affinities, in nats, its normaliser over all pairs; none without t-SNE.
    pub kl_divergence: Option<f64>,
    /// Whether neighbours on the map are neighbours in the data, in [0, 1] (see [`Quality`]); none for fewer than three rows.
    pub trustworthiness: Option<f64>,
    /// Whether neighbours in the data are neighbours on the map, in [0, 1].
    pub continuity: Option<f64>,
    /// How the last two were found: over 12 neighbours, and over a sample of 2,000 points where there are more.
    pub quality: Option<Quality>,
    #[serde(skip)]
    scores: Matrix,
}

impl Projection {
    /// Maps the rows.
    ///
    /// No row gives no point; one row, or rows that are all equal, lie at the origin; up to four rows lie at their principal
    /// components.
    ///
    /// # Errors
    /// [`Error::Config`] when no dimension is to be kept, or the perplexity is not a number above 1; [`Error::Tensor`] when a matrix product fails.
    pub fn fit(matrix: &Matrix, options: &ProjectionOptions) -> Result<Self> {
        if options.dimensions == 0 {
            return Err(Error::config("dimensions", "at least 1", "0"));
        }
        if !(options.perplexity.is_finite() && options.perplexity > 1.0) {
            return Err(Error::config("perplexity", "a number above 1", options.perplexity.to_string()));
        }
        let pca = Pca::fit(matrix, options.dimensions)?;
        let scores = pca.transform(matrix)?;
        let rows = matrix.rows();
        let maps = options.method == ProjectionMethod::TSne && rows >= FEWEST && pca.dimensions > 0;
        let (points, perplexity, kl_divergence): (Vec<[f32; 2]>, _, _) = if maps {
            let perplexity = options.perplexity.min((rows - 1) as f64 / 3.0);
            let nearest = (rows - 1).min((3.0 * perplexity) as usize + 1);
            let affinities = Affinities::of(&Neighbours::of(&scores, nearest, Metric::Euclidean), perplexity);
            let points = tsne::descend(&affinities, start(&scores, &pca, options.seed), options.iterations);
            let divergence = affinities.divergence(&points)?;
            (
                points.into_iter().map(|point| point.map(|value| value as f32)).collect(),
                Some(perplexity),
                Some(divergence),
            )
        } else {
            let axis = |row: usize, axis: usize| scores.row(row).get(axis).copied().unwrap_or(0.0);
            ((0..rows).map(|row| [axis(row, 0), axis(row, 1)]).collect(), None, None)
        };
        let quality = Quality::of(matrix, &points, JUDGED_NEIGHBOURS, JUDGED_POINTS, options.seed)?;
        Ok(Self {
            points,
            method: if maps { ProjectionMethod::TSne } else { ProjectionMethod::Pca },
            pca,
            perplexity,
            kl_divergence,
            trustworthiness: quality.as_ref().map(|quality| quality.trustworthiness),
            continuity: quality.as_ref().map(|quality| quality.continuity),
            quality,
            scores,
        })
    }

    /// Where new rows belong on the map, which stays as it is.
    ///
    /// A row that equals a fitted one goes to its point. Any other goes to the weighted geometric median of the points of its 15
    /// nearest fitted rows in the space of the principal components, under Gaussian weights at perplexity 5; so it stands with
    /// the group to which it is nearest, however far off it is. On a map of principal components it goes to its own.
    ///
    /// # Errors
    /// [`Error::Argument`] when the rows have another length than those of the fit, or the map has no points.
    pub fn place(&self, new: &Matrix) -> Result<Vec<[f32; 2]>> {
        if new.rows() == 0 {
            return Ok(Vec::new());
        }
        if self.points.is_empty() {
            return Err(Error::argument("Projection::place", "a map with points", "none"));
        }
        let scores = self.pca.transform(new)?;
        match self.method {
            ProjectionMethod::TSne => place::place(&scores, &self.scores, &self.points),
            ProjectionMethod::Pca => {
                let axis = |row: usize, axis: usize| scores.row(row).get(axis).copied().unwrap_or(0.0);
                Ok((0..scores.rows()).map(|row| [axis(row, 0), axis(row, 1)]).collect())
            }
        }
    }

    /// The fitted rows' principal components, `rows x pca.dimensions`.
    pub const fn scores(&self) -> &Matrix {
        &self.scores
    }
}

/// The first two components, scaled so that the first has the standard deviation of scikit-learn's start. Data on a line gets a
/// second axis of seeded noise, since a descent never leaves a line.
fn start(scores: &Matrix, pca: &Pca, seed: u64) -> Vec<[f64; 2]> {
    let (rows, mut rng) = (scores.rows(), SplitMix64::new(seed));
    let squares: f64 = (0..rows).map(|row| f64::from(scores.row(row)[0]).powi(2)).sum();
    let scale = START / (squares / rows as f64).sqrt().max(f64::MIN_POSITIVE);
    let mut noise = || ((rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64 - 0.5) * START;
    let point = |row: usize| {
        let row = scores.row(row);
        let second = if pca.dimensions > 1 { f64::from(row[1]) * scale } else { noise() };
        [f64::from(row[0]) * scale, second]
    };
    (0..rows).map(point).collect()
}
