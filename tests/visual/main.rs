//! Visualizer payloads and built-in visualizers against what code_loader 1.0.214 and NumPy give.
//!
//! `construction.json` and `warnings.json` were recorded from code_loader 1.0.214 by probing its classes: for each
//! probe whether it was accepted, the beginning of the first line of the message if not (class names cut off), and the
//! warnings (cut at 200 characters). `visual.json` comes from `make_visual.py` beside it.

#![allow(clippy::unwrap_used, clippy::panic)]

mod builtin;
mod construction;
mod payloads;
mod warnings;

use std::path::Path;

use candle_core::{DType, Device, Shape, Tensor};
use serde_json::Value;

/// A fixture, parsed.
fn fixture(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/visual").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn zeros(shape: impl Into<Shape>, dtype: DType) -> Tensor {
    Tensor::zeros(shape, dtype, &Device::Cpu).unwrap()
}

/// An f32 tensor of one value.
fn full(value: f32, shape: impl Into<Shape>) -> Tensor {
    Tensor::full(value, shape, &Device::Cpu).unwrap()
}

/// A u8 tensor of one value.
fn bytes(value: u8, shape: impl Into<Shape>) -> Tensor {
    Tensor::full(value, shape, &Device::Cpu).unwrap()
}
