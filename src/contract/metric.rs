//! stub
use candle_core::Tensor;
#[derive(Debug, Clone)]
pub enum SingleMetric { Values(Tensor), Optional(Vec<Option<f64>>), Confusion(Vec<Vec<ConfusionMatrixElement>>) }
#[derive(Debug, Clone)]
pub enum MetricResult { Single(SingleMetric), Map(Vec<(String, SingleMetric)>) }
impl From<Tensor> for MetricResult { fn from(t: Tensor) -> Self { Self::Single(SingleMetric::Values(t)) } }
#[derive(Debug, Clone)]
pub struct ConfusionMatrixElement {}
