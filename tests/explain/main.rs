//! Heat maps: against pytorch-grad-cam and Captum, on planted truths, and what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod corners;
mod goldens;
mod loss_gradients;
mod planted;
mod refusals;
mod untaught;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use candle_core::{Device, Tensor};
use leap_binder::imaging::{self, Image};
use leap_binder::model::{Classifier, Weights};

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The shipped network, read once for all tests.
static WEIGHTS: LazyLock<Weights> =
    LazyLock::new(|| Weights::open(root("assets/weights/densenet201-kermany224-f16.safetensors")).unwrap());
static SHIPPED: LazyLock<Classifier> = LazyLock::new(|| Classifier::new(&WEIGHTS, &Device::Cpu).unwrap());

/// An X-ray as the fixtures have it: `none`, `mirrored` or `darkened`.
fn xray(file: &str, change: &str) -> Tensor {
    let image = imaging::decode_file(root(&format!("tests/fixtures/model/decoded/{file}.png"))).unwrap().to_grey();
    let (width, height) = (image.width(), image.height());
    let bytes: Vec<u8> = match change {
        "none" => image.as_bytes().to_vec(),
        "mirrored" => image.as_bytes().chunks(width).flat_map(|row| row.iter().rev().copied()).collect(),
        "darkened" => image.as_bytes().iter().map(|level| level / 2).collect(),
        other => panic!("{other}"),
    };
    SHIPPED.batch(&[Image::grey(width, height, bytes).unwrap()]).unwrap()
}
