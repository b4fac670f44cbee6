//! Heat maps: which parts of an image speak for a class, for one class against another, or for any loss; and how far such
//! a map can be trusted.
//!
//! [`explain`] takes a batch, an [`Objective`] (what is explained) and a [`Method`] (how), and gives a [`HeatMap`] for each image.
//! [`faithfulness()`] tests a map on the model itself.
//!
//! | method | looks at | signed | cost for an image | when |
//! |---|---|---|---|---|
//! | [`Method::GradCam`] | a split point's maps | if asked for | 1 pass, gradients to the split | the usual first look |
//! | [`Method::GradCamPlusPlus`] | the same | no | the same | several spots of one kind |
//! | [`Method::LayerCam`] | the same | no | the same | earlier, finer split points |
//! | [`Method::IntegratedGradients`] | the input | yes | `steps` passes with gradients | pixels that must add up to the value |
//! | [`Method::Occlusion`] | the input | yes | a pass for each window | losses without gradients; a check of the others |
//!
//! A heat map says what the model reacts to, not what is in the image, and not that it is right.
//!
//! *Determinism*: on the CPU a map's bits depend neither on the other images of the batch nor on the number of threads, as far as the
//! model's do not. On GPUs within rounding.
//!
//! ```
//! use candle_core::{DType, Device, Tensor};
//! use leap_binder::explain::{Method, Objective, explain};
//! use leap_binder::model::{Architecture, Card, Classifier, Model, Weights};
//!
//! let mut card = Card::new(Architecture::SmallCnn, ["healthy", "ill"]);
//! (card.input.width, card.input.height) = (64, 64);
//! let model = Classifier::new(&Weights::random(card, 7)?, &Device::Cpu)?;
//! let xs = Tensor::rand(0f32, 1.0, (2, model.input().channels(), 64, 64), &Device::Cpu)?;
//!
//! let maps = explain(&model, &xs, &Objective::contrast("ill", "healthy"), &Method::signed_grad_cam())?;
//! assert_eq!((maps.len(), maps[0].width, maps[0].height), (2, 2, 2));
//! assert_eq!(maps[0].target, "ill against healthy");
//! assert_eq!(maps[0].upsampled(64, 64)?.values.len(), 64 * 64);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod baseline;
mod cam;
mod faithfulness;
mod goal;
mod heat_map;
mod integrated;
mod loss;
mod objective;
mod occlusion;
mod palette;
mod perturb;
mod rank;

use candle_core::{DType, Device, Tensor};

pub use baseline::Baseline;
pub use faithfulness::{FaithfulnessOptions, Randomised, faithfulness};
use goal::Goal;
pub use heat_map::{Faithfulness, HeatMap, Verdict};
pub use objective::{Class, Objective};
pub use palette::colour;

use crate::model::Model;
use crate::{Error, Result};

/// Images that are scored together where no gradient is needed.
const FORWARD_ROWS: usize = 16;

/// How a heat map is computed. Fields that an option needs not be given have their usual value in the constructors.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Method {
    /// Grad-CAM (Selvaraju et al., ICCV 2017): the maps of a split point, weighted by the mean of their gradients, added up,
    /// and, unless `signed`, cut off at 0.
    GradCam {
        /// One of [`Model::split_points`]; see [`Method::at`] for the one that is taken when there is none.
        split: Option<String>,
        /// Keeps what speaks against the objective as negative values.
        signed: bool,
    },
    /// Grad-CAM++ (Chattopadhay et al., WACV 2018): weights by positive gradients, place by place.
    GradCamPlusPlus {
        /// As of Grad-CAM.
        split: Option<String>,
    },
    /// Layer-CAM (Jiang et al., IEEE TIP 2021): each place weighted by its own positive gradient.
    LayerCam {
        /// As of Grad-CAM.
        split: Option<String>,
    },
    /// Integrated gradients (Sundararajan, Taly, Yan, ICML 2017), added up over the channels: the gradient along the straight way from
    /// the baseline to the image, by the Gauss-Legendre rule, times their difference.
    IntegratedGradients {
        /// Points on the way, 1 to 1000. The error is in [`HeatMap::completeness_error`].
        steps: usize,
        /// Where the way begins.
        baseline: Baseline,
    },
    /// Occlusion (Zeiler, Fergus, ECCV 2014): how much the value falls when a window is covered; the mean over the windows
    /// that cover a pixel. Needs no gradient.
    Occlusion {
        /// The side of the square window, in pixels.
        window: usize,
        /// How far windows are apart, in pixels; the last in a row is cut off by the image's edge.
        stride: usize,
        /// What the window is covered with.
        fill: Baseline,
    },
}

impl Method {
    /// Grad-CAM without negative values.
    pub const fn grad_cam() -> Self {
        Self::GradCam { split: None, signed: false }
    }

    /// Grad-CAM with negative values, for contrasts and losses.
    pub const fn signed_grad_cam() -> Self {
        Self::GradCam { split: None, signed: true }
    }

    /// Grad-CAM++.
    pub const fn grad_cam_plus_plus() -> Self {
        Self::GradCamPlusPlus { split: None }
    }

    /// Layer-CAM.
    pub const fn layer_cam() -> Self {
        Self::LayerCam { split: None }
    }

    /// Integrated gradients from black, 32 steps.
    pub const fn integrated_gradients() -> Self {
        Self::IntegratedGradients { steps: 32, baseline: Baseline::Black }
    }

    /// Windows of 32 pixels, 16 apart, covered with the image's mean: 169 passes for an image of 224 x 224.
    pub const fn occlusion() -> Self {
        Self::Occlusion { window: 32, stride: 16, fill: Baseline::Mean }
    }

    /// The same at the split point `split`. Methods that look at the input have none and stay as they are.
    ///
    /// Without it the last split point is taken whose maps `(n, c, h, w)` have more than one place: where users of
    /// pytorch-grad-cam put it. For DenseNet that is `features.norm5`, before the last ReLU (torchvision's `model.features`).
    #[must_use]
    pub fn at(mut self, split: impl Into<String>) -> Self {
        match &mut self {
            Self::GradCam { split: of, .. } | Self::GradCamPlusPlus { split: of } | Self::LayerCam { split: of } => {
                *of = Some(split.into());
            }
            Self::IntegratedGradients { .. } | Self::Occlusion { .. } => {}
        }
        self
    }

    /// `grad_cam`, `grad_cam_plus_plus`, `layer_cam`, `integrated_gradients` or `occlusion`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::GradCam { .. } => "grad_cam",
            Self::GradCamPlusPlus { .. } => "grad_cam_plus_plus",
            Self::LayerCam { .. } => "layer_cam",
            Self::IntegratedGradients { .. } => "integrated_gradients",
            Self::Occlusion { .. } => "occlusion",
        }
    }
}

/// A heat map of each image of `xs` `(n, c, h, w)` f32, prepared as [`Model::input`] says (see [`crate::model::Classifier::batch`]).
///
/// Maps of split points have the split point's size, the others the image's; [`HeatMap::upsampled`] brings them to any. Memory is
/// bounded whatever `n` is: on the CPU gradients are computed for one image at a time.
///
/// # Errors
///
/// [`Error::Argument`] for a batch of another shape, an image or an objective that is not finite, a class that is not there, a split point
/// that is not there or has no maps, an objective without a gradient where the method needs one; [`Error::Config`] for a
/// method's option out of its range; [`Error::Contract`] if a loss fails; otherwise as [`Model::forward`].
pub fn explain(model: &dyn Model, xs: &Tensor, objective: &Objective<'_>, method: &Method) -> Result<Vec<HeatMap>> {
    let batch = Batch::new(model, xs)?;
    let goal = objective.settle(model, &batch.xs, batch.n)?;
    batch.explain(model, &goal, method)
}

/// Images that were checked, where the model is.
struct Batch {
    n: usize,
    xs: Tensor,
}

impl Batch {
    fn new(model: &dyn Model, xs: &Tensor) -> Result<Self> {
        let n = model.input().check_batch("explain", xs)?;
        if xs.dtype() != DType::F32 {
            return Err(Error::argument("explain", "a batch of type F32", format!("{:?}", xs.dtype())));
        }
        let batch = Self { n, xs: xs.detach().to_device(model.device()).map_err(Error::tensor("input"))? };
        for image in 0..n {
            if let Some(place) = batch.values(image)?.iter().position(|value| !value.is_finite()) {
                return Err(Error::argument(
                    "explain",
                    "finite pixels",
                    format!("none at place {place} of image {image}"),
                ));
            }
        }
        Ok(batch)
    }

    fn explain(&self, model: &dyn Model, goal: &Goal<'_>, method: &Method) -> Result<Vec<HeatMap>> {
        let maps = match method {
            Method::GradCam { split, signed } => {
                cam::maps(self, model, goal, split.as_deref(), cam::Kind::Grad { signed: *signed })
            }
            Method::GradCamPlusPlus { split } => cam::maps(self, model, goal, split.as_deref(), cam::Kind::PlusPlus),
            Method::LayerCam { split } => cam::maps(self, model, goal, split.as_deref(), cam::Kind::Layer),
            Method::IntegratedGradients { steps, baseline } => integrated::maps(self, model, goal, *steps, baseline),
            Method::Occlusion { window, stride, fill } => occlusion::maps(self, model, goal, (*window, *stride), fill),
        }?;
        let heat = |(image, map): (usize, Heat)| {
            let mut found =
                HeatMap::new(method.name(), &*goal.names[image], map.width, map.height, map.values, map.signed)?;
            (found.split, found.completeness_error) = (map.split, map.completeness_error);
            Ok(found)
        };
        maps.into_iter().enumerate().map(heat).collect()
    }

    /// The image at `place` as a batch of one.
    fn image(&self, place: usize) -> Result<Tensor> {
        self.xs.narrow(0, place, 1).map_err(Error::tensor("input"))
    }

    /// Its values `(c, h, w)`.
    fn values(&self, place: usize) -> Result<Vec<f32>> {
        numbers(&self.image(place)?)
    }

    /// A batch of rows that look like its images.
    fn of_rows(&self, rows: Vec<f32>) -> Result<Tensor> {
        let (_, c, h, w) = self.xs.dims4().map_err(Error::tensor("input"))?;
        Tensor::from_vec(rows, ((), c, h, w), self.xs.device()).map_err(Error::tensor("input"))
    }
}

/// What a method found in one image.
struct Heat {
    width: usize,
    height: usize,
    values: Vec<f32>,
    signed: bool,
    split: Option<String>,
    completeness_error: Option<f64>,
}

fn numbers(xs: &Tensor) -> Result<Vec<f32>> {
    let values = xs.to_device(&Device::Cpu).and_then(|xs| xs.to_dtype(DType::F32)?.flatten_all()?.to_vec1());
    values.map_err(Error::tensor("values"))
}

/// Rows that go through a pass with gradients together. On the CPU one: it fills the threads, and memory stays that of one image.
fn gradient_rows(device: &Device) -> usize {
    if device.is_cpu() { 1 } else { 8 }
}
