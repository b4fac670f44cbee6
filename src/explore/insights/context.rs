use crate::evaluate::SampleTable;
use crate::explore::{Columns, Matrix};
use crate::metrics::Bootstrap;
use crate::rng::SplitMix64;
use crate::{Error, Result};

/// Families of tests that share the level: low performance, shifts of columns, shifts of the latent space.
const FAMILIES: f64 = 3.0;

/// When a group is worth an insight.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct InsightOptions {
    /// The largest corrected p-value of a claim, in (0, 1); 0.05 by default. Where nothing is to be found, `low_performance` and
    /// `domain_gap` together claim anything in at most this share of tables.
    pub level: f64,
    /// The smallest group, as a share of the samples; 0.02 by default. No group has fewer than `fewest`.
    pub smallest: f64,
    /// The fewest samples of a group; 10 by default.
    pub fewest: usize,
    /// The smallest effect that is told, in [0, 1]; 0.1 by default. Large data make trifles significant; this keeps them out.
    pub least_effect: f64,
    /// The most insights of one kind; 6 by default.
    pub most: usize,
    /// How the intervals of gaps are drawn; its seed serves permutations too.
    pub bootstrap: Bootstrap,
}

impl Default for InsightOptions {
    fn default() -> Self {
        Self { level: 0.05, smallest: 0.02, fewest: 10, least_effect: 0.1, most: 6, bootstrap: Bootstrap::default() }
    }
}

/// What insights are drawn from: a table, its metadata, and what is known of its latent space.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Context<'a> {
    /// The samples.
    pub table: &'a SampleTable,
    /// Their metadata.
    pub columns: &'a Columns,
    /// The cluster of each sample; none for noise. Empty where there are no clusters.
    pub clusters: &'a [Option<usize>],
    /// Coordinates of each sample in the latent space, for example its first principal components.
    pub scores: Option<&'a Matrix>,
    /// When a group is worth an insight.
    pub options: InsightOptions,
}

impl<'a> Context<'a> {
    /// Puts the parts together.
    ///
    /// # Errors
    /// [`Error::Argument`] when the parts have different numbers of samples; [`Error::Config`] for options out of range.
    pub fn new(
        table: &'a SampleTable,
        columns: &'a Columns,
        clusters: &'a [Option<usize>],
        scores: Option<&'a Matrix>,
        options: InsightOptions,
    ) -> Result<Self> {
        let rows = table.rows.len();
        let clustered = if clusters.is_empty() { rows } else { clusters.len() };
        for (what, found) in
            [("metadata", columns.rows()), ("clusters", clustered), ("scores", scores.map_or(rows, Matrix::rows))]
        {
            if found != rows {
                return Err(Error::argument("Context::new", format!("{what} of {rows} samples"), found.to_string()));
            }
        }
        let InsightOptions { level, smallest, least_effect, .. } = options;
        for (option, value, open) in
            [("level", level, true), ("smallest", smallest, false), ("least_effect", least_effect, false)]
        {
            let fits = if open { value > 0.0 && value < 1.0 } else { (0.0..=1.0).contains(&value) };
            if !fits {
                let expected = if open { "a number inside (0, 1)" } else { "a number in [0, 1]" };
                return Err(Error::config(option, expected, value.to_string()));
            }
        }
        options.bootstrap.check()?;
        Ok(Self { table, columns, clusters, scores, options })
    }

    /// The fewest samples of a group among `n`.
    pub(super) fn support(&self, n: usize) -> usize {
        self.options.fewest.max((self.options.smallest * n as f64).ceil() as usize).max(2)
    }

    /// A p-value corrected within its family, corrected for there being several families (Bonferroni).
    pub(super) fn across_families(p_adjusted: f64) -> f64 {
        (p_adjusted * FAMILIES).min(1.0)
    }

    /// The first loss of each sample; NaN where there is none.
    pub(super) fn losses(&self) -> Vec<f64> {
        let loss = |loss: Option<f32>| loss.map(f64::from).filter(|loss| loss.is_finite()).unwrap_or(f64::NAN);
        self.table.rows.iter().map(|row| loss(row.losses.first().copied().flatten())).collect()
    }

    /// The name of the first loss.
    pub(super) fn loss_name(&self) -> &'a str {
        self.table.losses.first().map_or("loss", String::as_str)
    }
}

/// Rows in a random order that depends on ids and seed alone, so that the order of the table does not matter.
pub(crate) fn drawn_order(table: &SampleTable, seed: u64) -> Vec<usize> {
    let key = |place: usize| {
        let row = &table.rows[place];
        SplitMix64::named(seed, &format!("{}/{}", row.state, row.id)).next_u64()
    };
    let mut keyed: Vec<(u64, usize)> = (0..table.rows.len()).map(|place| (key(place), place)).collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, place)| place).collect()
}
