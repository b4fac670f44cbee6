//! The reference binder: chest X-rays, normal, bacterial or viral pneumonia (Kermany et al.).
//!
//! The native form of Tensorleap's healthcare example. [`ChestXrays::open`] lists a folder, [`binder`] describes it,
//! and [`Config`] names every choice; [`Config::reference`] reproduces the Python original number by number.
//!
//! | function | kind | value |
//! |---|---|---|
//! | `image` | input | f32 `(side, side, 3)`, channel last |
//! | `classes` | ground truth, prediction | one-hot f32 `(classes,)` |
//! | `gt_label`, `gt_name` | metadata | index and name of the true class |
//! | `number_of_black_pixels` | metadata | pixels of grey level 0 |
//! | `pixels_count` | metadata | 256 columns, `pixels_count_0` to `pixels_count_255` |
//! | `image_mean`, `image_std` | metadata | of the grey levels, 0 to 255 |
//! | `exposure` | metadata | grey levels below which 1, 5, 50, 95 and 99 % of the pixels lie: `exposure_p1`, ... |
//! | `border` | metadata | of the outer tenth: `border_mean`, `border_black` (share); `border_corner_marks` (share of bright marks, such as letters, in the corner that has most) |
//! | `original` | metadata | the file's own size: `original_width`, `original_height`, `original_aspect` |
//! | `pixels_histogram` | visualizer | the 30 commonest pixel values |
//! | `bar_names_visualizer` | visualizer | one bar for each class |
//! | `categorical_crossentropy_loss` | loss | cross-entropy of the predicted probabilities |
//!
//! Its integration test wires all of them around a model that is given when the test is run
//! ([`crate::binder::flow::TestOptions::model`]).
//!
//! Research software, not a diagnostic device.

mod config;
mod dataset;
mod listing;
mod naming;
pub mod shipped;
mod visualizers;

pub use config::{Classes, Config};
pub use dataset::{ChestXrays, Xray};

use crate::Result;
use crate::binder::{Binder, losses};
use crate::contract::{Metadata, ground_truth, input, prediction};
use crate::imaging::BorderStatistics;

/// Describes a folder of chest X-rays and what a model says about them.
///
/// # Errors
/// [`crate::Error::Contract`] if the registration broke a rule, which this one does not.
pub fn binder(data: ChestXrays) -> Result<Binder<ChestXrays>> {
    let config = data.config().clone();
    let labels = config.classes.labels();
    let (order, normalisation, side) = (config.channel_order, config.normalisation, config.side);
    Binder::builder(data)
        .image_input("image", config.image_spec(), move |xray| {
            Ok((xray.image.encode(order, normalisation), [side, side, 3]))
        })
        .ground_truth("classes", move |xray| {
            let mut one_hot = vec![0.0; labels.len()];
            one_hot[xray.class] = 1.0;
            Ok(one_hot)
        })
        .metadata("gt_label", |xray| Ok(xray.class as i64))
        .metadata("gt_name", move |xray| Ok(labels[xray.class]))
        .metadata("number_of_black_pixels", |xray| Ok(xray.grey.black_pixels() as i64))
        .metadata("pixels_count", |xray| {
            let counts = xray.grey.counts.iter().enumerate();
            Ok(Metadata::map(counts.map(|(level, &count)| (level.to_string(), count as i64))))
        })
        .metadata("image_mean", |xray| Ok(xray.grey.mean))
        .metadata("image_std", |xray| Ok(xray.grey.std))
        .metadata("exposure", |xray| {
            let level = |percent: u64| (format!("p{percent}"), xray.grey.percentile(percent as f64) as i64);
            Ok(Metadata::map([1, 5, 50, 95, 99].map(level)))
        })
        .metadata("border", |xray| {
            let BorderStatistics { mean, black, corner_marks } = xray.border;
            Ok(Metadata::map([("mean", mean), ("black", black), ("corner_marks", corner_marks)]))
        })
        .metadata("original", |xray| {
            let (width, height) = (xray.original_width as f64, xray.original_height as f64);
            Ok(Metadata::map([("width", width), ("height", height), ("aspect", width / height)]))
        })
        .prediction_with("classes", labels.iter().copied(), -1)
        .visualizer("pixels_histogram", [input("image")], move |[image]| {
            visualizers::pixels_histogram(image, order, normalisation)
        })
        .visualizer("bar_names_visualizer", [prediction("classes").named("data")], move |[values]| {
            visualizers::class_bars(values, labels)
        })
        .loss(
            "categorical_crossentropy_loss",
            [ground_truth("classes").named("y_true"), prediction("classes").named("y_pred")],
            |[y_true, y_pred]| losses::categorical_crossentropy(y_true, y_pred),
        )
        .integration_test(|flow| {
            let (image, truth) = (flow.input("image")?, flow.ground_truth("classes")?);
            let scores = flow.model([&image])?.prediction("classes")?;
            flow.loss("categorical_crossentropy_loss", (&truth, &scores))?;
            flow.visualizer("pixels_histogram", &image)?;
            flow.visualizer("bar_names_visualizer", &truth)?;
            flow.visualizer("bar_names_visualizer", &scores)?;
            for name in [
                "gt_label",
                "gt_name",
                "number_of_black_pixels",
                "pixels_count",
                "image_mean",
                "image_std",
                "exposure",
                "border",
                "original",
            ] {
                flow.metadata(name)?;
            }
            Ok(())
        })
        .build()
}
