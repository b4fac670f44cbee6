//! Visualizers of every payload kind, by the kind's name.

use candle_core::{DType, Device, Tensor};
use leap_binder::binder::{Autoregressive, BinderBuilder};
use leap_binder::contract::*;

use super::build::{Described, array, by_count};
use super::description::Function;

fn zeros(shape: &[usize], dtype: DType) -> HandlerResult<Tensor> {
    Ok(Tensor::zeros(shape, dtype, &Device::Cpu)?)
}

fn image() -> HandlerResult<Tensor> {
    zeros(&[2, 2, 3], DType::F32)
}

const NAMES: [&str; 1] = ["one"];

/// Calls `$draw` with a function that makes a payload of the kind.
macro_rules! by_kind {
    ($kind:expr, $draw:ident => $call:expr) => {
        match $kind {
            LeapDataType::Image => {
                let $draw = || Ok(LeapImage::new(image()?)?);
                $call
            }
            LeapDataType::Text => {
                let $draw = || Ok(LeapText::new(["word"]));
                $call
            }
            LeapDataType::Graph => {
                let $draw = || Ok(LeapGraph::new(zeros(&[3, 1], DType::F32)?)?);
                $call
            }
            LeapDataType::HorizontalBar => {
                let $draw = || Ok(LeapHorizontalBar::new(vec![0.5], NAMES));
                $call
            }
            LeapDataType::ImageMask => {
                let $draw = || Ok(LeapImageMask::new(zeros(&[2, 2], DType::U8)?, image()?, NAMES)?);
                $call
            }
            LeapDataType::TextMask => {
                let $draw = || Ok(LeapTextMask::new(vec![1], ["word"], NAMES));
                $call
            }
            LeapDataType::ImageWithBBox => {
                let $draw = || Ok(LeapImageWithBBox::new(image()?, Vec::new())?);
                $call
            }
            LeapDataType::ImageWithHeatmap => {
                let $draw = || Ok(LeapImageWithHeatmap::new(image()?, zeros(&[1, 2, 2], DType::F32)?, NAMES)?);
                $call
            }
            LeapDataType::Video => {
                let $draw = || Ok(LeapVideo::new(zeros(&[2, 2, 2, 1], DType::U8)?)?);
                $call
            }
            LeapDataType::Audio => {
                let $draw = || Ok(LeapAudio::new(vec![0.0; 4], 8000, LeapImage::new(image()?)?)?);
                $call
            }
            LeapDataType::PointCloud => {
                let $draw = || Ok(LeapPointCloud::new(zeros(&[4, 3], DType::F32)?)?);
                $call
            }
            other => panic!("{other:?}"),
        }
    };
}

pub(crate) fn visualizer(
    builder: BinderBuilder<Described>,
    data_type: LeapDataType,
    Function { name, arguments }: &Function,
) -> BinderBuilder<Described> {
    by_kind!(data_type, draw => by_count!(arguments, array => builder.visualizer(&**name, array, move |_| draw())))
}

pub(crate) fn chain_visualizer(
    chain: Autoregressive<Described, u64>,
    data_type: LeapDataType,
    Function { name, arguments }: &Function,
) -> Autoregressive<Described, u64> {
    by_kind!(data_type, draw => by_count!(arguments, array => chain.visualizer(&**name, array, move |_, _| draw())))
}
