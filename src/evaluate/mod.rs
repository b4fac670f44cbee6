//! Runs a model over a binder's data: one pass, bounded memory, one table of samples.
//!
//! [`evaluate`] loads each sample once, encodes it, lets the model score it in batches and computes the binder's losses,
//! metrics and metadata. While the model works on one batch, the next is decoded. What comes out is a [`SampleTable`],
//! from which [`Evaluation::report`] computes metrics that survive class imbalance.
//!
//! A metric that gives several values by name fills a column for each, `<metric>_<key>`; the first batch settles the
//! names. A sample without a value has a gap. Confusion-matrix elements are no numbers and are left out of the table.

mod batch;
mod columns;
mod fingerprint;
mod interface;
mod layout;
mod sample;
mod scored;
mod table;
mod thumbnail;
mod write;

pub use fingerprint::Fingerprint;
pub(crate) use interface::{Interface, label};
pub use sample::SampleFailure;
pub use table::{SampleRow, SampleTable};

use std::time::{Duration, Instant};

use columns::MetricColumns;
use layout::Layout;

use crate::Result;
use crate::binder::Registry;
use crate::contract::{DataState, SampleId};
use crate::metrics::{Bootstrap, ClassificationReport, Predictions};
use crate::model::Model;
use crate::progress::Progress;

/// How an evaluation runs. Nothing here changes a score, except `input` where a binder has several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluateOptions {
    /// Images scored together; two batches are in memory at a time. Default: 8.
    pub batch_size: usize,
    /// The input encoder that feeds the model. Default: the first.
    pub input: Option<String>,
    /// Keeps a small picture of each input, whose longer side has that many pixels, for reports. Default: none.
    pub thumbnail_side: Option<usize>,
}

impl Default for EvaluateOptions {
    fn default() -> Self {
        Self { batch_size: 8, input: None, thumbnail_side: None }
    }
}

/// What an evaluation gave.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Evaluation {
    /// One row for each sample that could be scored, in subset order.
    pub table: SampleTable,
    /// Everything that failed, by sample; a sample that could not be loaded or encoded has no row.
    pub failures: Vec<SampleFailure>,
    /// The input encoder that fed the model.
    pub input: String,
    /// Time from the first load to the last row.
    pub elapsed: Duration,
}

impl Evaluation {
    /// Classification metrics over the labelled rows of `states` (all states when empty).
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) when there is no labelled row.
    pub fn report(&self, states: &[DataState], bootstrap: &Bootstrap) -> Result<ClassificationReport> {
        ClassificationReport::new(&self.predictions(states)?, bootstrap)
    }

    /// True classes and probabilities of the labelled rows of `states` (all states when empty), for metrics of one's own.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) when there is no labelled row, or a model gave numbers that are no probabilities.
    pub fn predictions(&self, states: &[DataState]) -> Result<Predictions> {
        let rows = self.table.rows.iter().filter(|row| states.is_empty() || states.contains(&row.state));
        let labelled = rows.filter_map(|row| Some((row.label?, &row.probabilities)));
        let (y_true, probabilities): (Vec<usize>, Vec<&Vec<f64>>) = labelled.unzip();
        Predictions::new(self.table.classes.clone(), y_true, probabilities.into_iter().flatten().copied())
    }
}

/// Scores the samples of `states` with `model`.
///
/// The model's output goes through a softmax; losses, metrics and the table see probabilities. A sample that fails is
/// reported in [`Evaluation::failures`] and the rest goes on.
///
/// *Determinism*: on the CPU the table is the same for any number of threads and any batch size, as far as the model's is.
///
/// # Errors
/// [`Error::Mismatch`](crate::Error::Mismatch) when the classes or the image preparation do not fit, or the input was not registered by
/// [`crate::binder::BinderBuilder::image_input`]; [`Error::Config`](crate::Error::Config) for a subset or input that is not there; [`Error::Contract`](crate::Error::Contract) when
/// preprocess fails; [`Error::Tensor`](crate::Error::Tensor) and [`Error::Device`](crate::Error::Device) from the model.
pub fn evaluate(
    binder: &Registry,
    model: &dyn Model,
    states: &[DataState],
    options: &EvaluateOptions,
    progress: &dyn Progress,
) -> Result<Evaluation> {
    let interface = Interface::new("evaluate", binder, model, options.input.as_deref())?;
    let subsets = interface.subsets(states)?;
    let plan = Plan { interface, model, thumbnail_side: options.thumbnail_side };
    let started = Instant::now();
    let mut table = SampleTable::new(plan.interface.prediction.labels.iter().cloned());
    table.losses = binder.losses().iter().map(|loss| loss.name.clone()).collect();
    let mut run = Run { layout: None, metrics: MetricColumns::all(binder), table, failures: Vec::new() };
    for subset in &subsets {
        progress.begin(&format!("evaluate {}", subset.state), subset.len());
        let mut chunks = subset.sample_ids.chunks(options.batch_size.max(1));
        let mut ready = chunks.next().map(|ids| plan.load(subset.state, ids));
        while let Some(batch) = ready {
            let size = batch.len();
            let (scored, next) = rayon::join(
                || plan.score(batch, &mut run),
                || chunks.next().map(|ids: &[SampleId]| plan.load(subset.state, ids)),
            );
            if let Err(error) = scored {
                progress.end();
                return Err(error);
            }
            ready = next;
            progress.advance(size);
        }
        progress.end();
    }
    let Run { layout, metrics, mut table, failures } = run;
    for columns in metrics {
        let (names, rows) = columns.finish();
        table.metrics.extend(names);
        table.rows.iter_mut().zip(rows).for_each(|(row, values)| row.metrics.extend(values));
    }
    if let Some(layout) = layout {
        table.attributes = layout.attributes;
        table.metadata = layout.metadata;
    }
    let input = binder.inputs()[plan.interface.input].name.clone();
    Ok(Evaluation { table, failures, input, elapsed: started.elapsed() })
}

/// What an evaluation has gathered so far.
struct Run {
    layout: Option<Layout>,
    /// What the metrics gave, which joins the rows when all columns are known.
    metrics: Vec<MetricColumns>,
    table: SampleTable,
    failures: Vec<SampleFailure>,
}

/// What an evaluation has settled before the first sample.
struct Plan<'a> {
    interface: Interface<'a>,
    model: &'a dyn Model,
    thumbnail_side: Option<usize>,
}
