use std::sync::Arc;

use candle_core::Tensor;

use super::adapters::{exactly, over_tensors};
use super::{BinderBuilder, MetricOptions};
use crate::binder::handlers::{InstanceMetric, Loss, Metric, Place, Visualizer};
use crate::contract::{
    Argument, DataState, Dataset, HandlerResult, IntoTensor, MetricResult, NamedTensors, SampleId, Visual,
};

/// Which samples a loss, metric or visualizer is run on, for functions that want to know (Tensorleap's class of that name).
#[derive(Debug)]
pub struct SamplePreprocessResponse<'a, D> {
    /// The samples, one for each row of the tensors; one for a visualizer.
    pub sample_ids: &'a [SampleId],
    /// Their subset.
    pub state: DataState,
    /// The data set.
    pub dataset: &'a D,
}

impl<'a, D> SamplePreprocessResponse<'a, D> {
    const fn new(dataset: &'a D, place: Place<'a>) -> Self {
        Self { sample_ids: place.ids, state: place.state, dataset }
    }
}

impl<D: Dataset> BinderBuilder<D> {
    /// Registers a loss: from batched tensors `(n, ...)` to one value for each sample, `(n,)`.
    pub fn loss<const N: usize, T: IntoTensor>(
        self,
        name: impl Into<String>,
        arguments: [Argument; N],
        compute: impl Fn([&Tensor; N]) -> HandlerResult<T> + Send + Sync + 'static,
    ) -> Self {
        self.loss_with_samples(name, arguments, move |tensors, _| compute(tensors))
    }

    /// [`BinderBuilder::loss`] that is told which samples the rows are.
    pub fn loss_with_samples<const N: usize, T: IntoTensor>(
        mut self,
        name: impl Into<String>,
        arguments: [Argument; N],
        compute: impl Fn([&Tensor; N], SamplePreprocessResponse<'_, D>) -> HandlerResult<T> + Send + Sync + 'static,
    ) -> Self {
        let dataset = Arc::clone(&self.dataset);
        let (arguments, compute) = over_tensors(arguments, move |tensors, place| {
            compute(tensors, SamplePreprocessResponse::new(&dataset, place))?.into_tensor()
        });
        self.registry.losses.push(Loss { name: name.into(), arguments, compute });
        self
    }

    /// Registers a metric: from batched tensors `(n, ...)` to one value for each sample, or to several by name.
    ///
    /// The function returns a tensor or vector of n values, values of which some are absent, rows of confusion-matrix
    /// elements, or a [`MetricResult::Map`] of those. `options` is a direction, directions by key, or [`MetricOptions`].
    pub fn metric<const N: usize, M: Into<MetricResult>>(
        self,
        name: impl Into<String>,
        options: impl Into<MetricOptions>,
        arguments: [Argument; N],
        compute: impl Fn([&Tensor; N]) -> HandlerResult<M> + Send + Sync + 'static,
    ) -> Self {
        self.metric_with_samples(name, options, arguments, move |tensors, _| compute(tensors))
    }

    /// [`BinderBuilder::metric`] that is told which samples the rows are.
    pub fn metric_with_samples<const N: usize, M: Into<MetricResult>>(
        mut self,
        name: impl Into<String>,
        options: impl Into<MetricOptions>,
        arguments: [Argument; N],
        compute: impl Fn([&Tensor; N], SamplePreprocessResponse<'_, D>) -> HandlerResult<M> + Send + Sync + 'static,
    ) -> Self {
        let dataset = Arc::clone(&self.dataset);
        let (arguments, compute) = over_tensors(arguments, move |tensors, place| {
            Ok(compute(tensors, SamplePreprocessResponse::new(&dataset, place))?.into())
        });
        let MetricOptions { directions, compute_insights } = options.into();
        self.registry.metrics.push(Metric { name: name.into(), arguments, directions, compute_insights, compute });
        self
    }

    /// Registers a metric over instances: from batched tensors to, for each instance by its number, one value for each
    /// sample `(n,)`.
    pub fn instance_metric<const N: usize, T: IntoTensor>(
        mut self,
        name: impl Into<String>,
        options: impl Into<MetricOptions>,
        arguments: [Argument; N],
        compute: impl Fn([&Tensor; N]) -> HandlerResult<Vec<(i64, T)>> + Send + Sync + 'static,
    ) -> Self {
        let (arguments, compute) = over_tensors(arguments, move |tensors, _| {
            compute(tensors)?.into_iter().map(|(number, values)| Ok((number, values.into_tensor()?))).collect()
        });
        let MetricOptions { directions, compute_insights } = options.into();
        let metric = InstanceMetric { name: name.into(), arguments, directions, compute_insights, compute };
        self.registry.instance_metrics.push(metric);
        self
    }

    /// Registers a visualizer: from one sample's tensors, without a batch axis, to a payload.
    pub fn visualizer<const N: usize, V: Visual>(
        self,
        name: impl Into<String>,
        arguments: [Argument; N],
        compute: impl Fn([&Tensor; N]) -> HandlerResult<V> + Send + Sync + 'static,
    ) -> Self {
        self.visualizer_with_sample(name, arguments, move |tensors, _| compute(tensors))
    }

    /// [`BinderBuilder::visualizer`] that is told which sample it draws.
    pub fn visualizer_with_sample<const N: usize, V: Visual>(
        mut self,
        name: impl Into<String>,
        arguments: [Argument; N],
        compute: impl Fn([&Tensor; N], SamplePreprocessResponse<'_, D>) -> HandlerResult<V> + Send + Sync + 'static,
    ) -> Self {
        let dataset = Arc::clone(&self.dataset);
        let (arguments, compute) = over_tensors(arguments, move |tensors, place| {
            Ok(compute(tensors, SamplePreprocessResponse::new(&dataset, place))?.into())
        });
        let visualizer = Visualizer { name: name.into(), data_type: V::TYPE, arguments, compute, heatmap: None };
        self.registry.visualizers.push(visualizer);
        self
    }

    /// Registers a visualizer with the function that brings heat maps into the shape of its picture.
    ///
    /// `heatmap` gets a heat map for each argument and, by argument name, the arguments themselves (Tensorleap:
    /// `RawInputsForHeatmap`), and returns the map to lay over the picture.
    pub fn visualizer_with_heatmap<const N: usize, V: Visual>(
        self,
        name: impl Into<String>,
        arguments: [Argument; N],
        compute: impl Fn([&Tensor; N]) -> HandlerResult<V> + Send + Sync + 'static,
        heatmap: impl Fn([&Tensor; N], &NamedTensors) -> HandlerResult<Tensor> + Send + Sync + 'static,
    ) -> Self {
        let mut with = self.visualizer(name, arguments, compute);
        if let Some(visualizer) = with.registry.visualizers.last_mut() {
            visualizer.heatmap = Some(Box::new(move |tensors, raw| heatmap(exactly(tensors)?, raw)));
        }
        with
    }
}
