use std::fmt;
use std::marker::PhantomData;

use candle_core::Tensor;
use serde::Serialize;

use super::adapters::{distinct, exactly, known};
use super::{BinderBuilder, MetricOptions};
use crate::binder::builtin::metadata as builtin;
use crate::binder::handlers::{AnyState, AutoregressiveFunctions, ChainFn, ChainFunction, ChainRef};
use crate::contract::{
    Argument, Chain, ChainMetric, Code, Dataset, HandlerResult, LatentSpaceAggregation, Step, Violation, Visual,
};

/// A model that is called again and again: the step that makes its next inputs, and functions over the whole chain.
///
/// Every function sees the same state type `S`, and none can be registered without the step.
#[must_use = "it does nothing until given to `BinderBuilder::autoregressive`"]
pub struct Autoregressive<D: Dataset, S> {
    functions: AutoregressiveFunctions,
    types: PhantomData<fn(&D::Sample, &S)>,
}

impl<D: Dataset, S: Serialize + Send + Sync + 'static> Autoregressive<D, S> {
    /// Starts from the step (Tensorleap: `autoregressive_step`).
    ///
    /// It is called with none for the first inputs, which it must give, then with the last inputs, outputs and state,
    /// until it gives no inputs. It must be deterministic, and names and shapes of the inputs must never change.
    pub fn new(
        aggregation: LatentSpaceAggregation,
        step: impl Fn(&D::Sample, Option<Chain<'_, S>>) -> HandlerResult<Step<S>> + Send + Sync + 'static,
    ) -> Self {
        let functions = AutoregressiveFunctions {
            aggregation,
            step: Box::new(move |sample, chain, _| {
                let Step { inputs, state } = step(known(sample)?, chain.map(typed).transpose()?)?;
                Ok((inputs, Box::new(state)))
            }),
            losses: Vec::new(),
            metrics: Vec::new(),
            visualizers: Vec::new(),
        };
        Self { functions, types: PhantomData }
    }

    /// Registers a loss over the chain and ground truths.
    pub fn loss<const N: usize>(
        mut self,
        name: impl Into<String>,
        ground_truths: [Argument; N],
        compute: impl Fn(Chain<'_, S>, [&Tensor; N]) -> HandlerResult<f64> + Send + Sync + 'static,
    ) -> Self {
        let compute = over_chain(compute);
        self.functions.losses.push(ChainFunction { name: name.into(), arguments: distinct(ground_truths), compute });
        self
    }

    /// Registers a metric over the chain and ground truths: one number, or several by name.
    pub fn metric<const N: usize, M: Into<ChainMetric>>(
        mut self,
        name: impl Into<String>,
        options: impl Into<MetricOptions>,
        ground_truths: [Argument; N],
        compute: impl Fn(Chain<'_, S>, [&Tensor; N]) -> HandlerResult<M> + Send + Sync + 'static,
    ) -> Self {
        let compute = over_chain(move |chain, tensors| compute(chain, tensors).map(Into::into));
        let function = ChainFunction { name: name.into(), arguments: distinct(ground_truths), compute };
        self.functions.metrics.push((options.into().directions, function));
        self
    }

    /// Registers a visualizer of the chain and ground truths.
    pub fn visualizer<const N: usize, V: Visual>(
        mut self,
        name: impl Into<String>,
        ground_truths: [Argument; N],
        compute: impl Fn(Chain<'_, S>, [&Tensor; N]) -> HandlerResult<V> + Send + Sync + 'static,
    ) -> Self {
        let compute = over_chain(move |chain, tensors| compute(chain, tensors).map(Into::into));
        let function = ChainFunction { name: name.into(), arguments: distinct(ground_truths), compute };
        self.functions.visualizers.push((V::TYPE, function));
        self
    }
}

impl<D: Dataset> BinderBuilder<D> {
    /// Makes the binder one of a chain of model calls: its inputs come from the step, and it registers no input encoder.
    pub fn autoregressive<S: Serialize + Send + Sync + 'static>(mut self, chain: Autoregressive<D, S>) -> Self {
        if self.registry.autoregressive.is_some() {
            let found = "it is already defined";
            self.problems.push(Violation::new(Code::AutoregressiveRule, "autoregressive_step", "only one", found));
        }
        self.registry.metadata.push(builtin::chain());
        self.registry.autoregressive = Some(chain.functions);
        self
    }
}

fn typed<S: 'static>(chain: ChainRef<'_>) -> HandlerResult<Chain<'_, S>> {
    let state = chain.state.as_any().downcast_ref::<S>().ok_or("the state is of another chain")?;
    Ok(Chain { inputs: chain.inputs, outputs: chain.outputs, state })
}

fn over_chain<S: AnyState + 'static, const N: usize, T>(
    compute: impl Fn(Chain<'_, S>, [&Tensor; N]) -> HandlerResult<T> + Send + Sync + 'static,
) -> ChainFn<T> {
    Box::new(move |chain, tensors| compute(typed(chain)?, exactly(tensors)?))
}

impl<D: Dataset, S> fmt::Debug for Autoregressive<D, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.functions.fmt(f)
    }
}
