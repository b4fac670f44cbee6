//! Tensorleap's **binder contract**, natively in Rust.
//!
//! A [`Binder`] describes a data set and a model's interface once: where samples come from ([`contract::Dataset`]), input
//! and ground-truth encoders, metadata, losses, metrics, visualizers, prediction labels. From that one description
//! [`check::check`] proves the binder as code_loader's `check_dataset` does, [`check::harness`] makes it a `cargo test`
//! target with one listed test for each function and subset, and [`evaluate::evaluate`] runs a [`model::Model`] over the data
//! into one table of samples, from which come metrics that survive class imbalance. [`explore::explore()`] finds in that table where the
//! model fails, [`explain::explain()`] shows what it reacts to, and `report` puts all of it into one offline HTML file.
//!
//! [`train::train()`] trains a network on the binder's samples, from any start; [`compare::compare()`] tells which of several models is
//! better, and whether the difference is more than chance.
//!
//! The reference binder is [`pneumonia`]: chest X-rays, around DenseNet201 on candle. [`model::Classifier`] is what other
//! programs embed. Research software, not a diagnostic device.
//!
//! ```
//! use leap_binder::{Binder, binder::losses, check::check, contract::*};
//!
//! /// Points on a line; the class is the sign.
//! struct Signs;
//!
//! impl Dataset for Signs {
//!     type Sample = f32;
//!
//!     fn preprocess(&self) -> HandlerResult<Vec<Subset>> {
//!         Ok(vec![Subset::new(DataState::Training, -8..8), Subset::new(DataState::Validation, 8..12)])
//!     }
//!
//!     fn load(&self, id: &SampleId, _state: DataState) -> HandlerResult<f32> {
//!         let SampleId::Int(place) = id else { return Err("an integer id was expected".into()) };
//!         Ok(*place as f32 + 0.5)
//!     }
//! }
//!
//! let binder = Binder::builder(Signs)
//!     .input("x", |x| Ok([*x]))
//!     .ground_truth("sign", |x| Ok(if *x < 0.0 { [1.0, 0.0] } else { [0.0, 1.0] }))
//!     .metadata("distance", |x| Ok(x.abs()))
//!     .prediction("sign", ["negative", "positive"])
//!     .loss("cross_entropy", [ground_truth("sign"), prediction("sign")], |[truth, scores]| {
//!         losses::categorical_crossentropy(truth, scores)
//!     })
//!     .build()?;
//! let report = check(&binder);
//! assert!(report.is_valid, "{report}");
//! # Ok::<(), leap_binder::Error>(())
//! ```
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `harness` | yes | [`check::harness`], the binder test as a `cargo test` target |
//! | `report` | yes | `report`: one offline HTML file on where a model fails and why, and its tables as CSV and JSON |
//! | `parquet` | no | the report's tables as Parquet too |
//! | `zoo` | yes | ResNet, VGG-16, EfficientNet, MobileNetV4, ConvNeXt-Tiny and ViT-B/16 with timm's tensor names (pulls no crate) |
//! | `cuda` | no | models on NVIDIA GPUs (needs the CUDA toolkit to build) |
//! | `cudnn` | no | `cuda` with cuDNN's convolutions |
//! | `download` | no | `model::download`: weights files by address and digest |
//!
//! The library never prints, reads no environment variable and, except in `model::download`, opens no network connection.

pub mod binder;
pub mod check;
pub mod compare;
pub mod contract;
mod error;
pub mod evaluate;
pub mod explain;
pub mod explore;
pub mod imaging;
pub mod manifest;
pub mod metrics;
pub mod model;
mod nn;
pub mod pneumonia;
pub mod progress;
#[cfg(feature = "report")]
pub mod report;
pub mod rng;
pub mod train;

pub use binder::Binder;
pub use error::{BoxError, Error, Result};

/// The README's examples are compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
