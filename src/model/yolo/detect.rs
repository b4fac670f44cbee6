//! YOLOv8 as Ultralytics' detector, scored as a classifier by its strongest box.

use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use candle_core::{D, DType, Device, Result as TensorResult, Tensor};
use candle_nn::{Conv2d, Conv2dConfig, Init, VarBuilder};

use super::blocks::Conv;
use super::neck::{self, Neck, unpack};
use super::strongest::{StrongestBox, strongest_boxes};
use super::{DETECTOR_NORM, SIDES, STRIDE, Source, YoloSize, backbone};
use crate::model::staged::{Facts, Layer, Staged, Top};
use crate::model::{Mode, Network, Output};
use crate::nn::conv2d;
use crate::{Error, Result};

/// Each of a box's four distances is a distribution over 0 to 15 strides.
pub(super) const BINS: usize = 16;

/// What of the network comes out of the backbone before its first fork.
const BEFORE_FORK: usize = 5;

/// A YOLOv8 detector (`yolov8n` to `yolov8x`) as a classifier.
///
/// A class's logit is the largest that any anchor of any scale has for it: its sigmoid is the confidence of the class's
/// strongest box. [`YoloDetector::strongest_boxes`] gives the box itself. The latent vector is the global averages of the
/// three maps that enter the head, joined; its width is 448 (n), 896 (s), 1344 (m), 1280 (l) or 1600 (x).
///
/// # Shapes
///
/// Sides must be multiples of 32, as for Ultralytics: maps of two scales are joined pixel by pixel. The stages are
/// `model.0` to `model.4` and `neck`. What flows out of `neck` is the head's three maps in one tensor at a thirty-second of
/// the image's sides: the finer maps' pixels, 4x4 and 2x2 in each coarse one, stand in its channels.
///
/// # Weights
///
/// The names are those of Ultralytics' state dict, box branch included. The width of the class branch `model.22.cv3`
/// depends on the number of classes (`yolov8n`: 80 for 80 classes, 64 for up to 64), so that all of it is the head. Training
/// by the logits leaves the box branch as it is.
///
/// ```
/// # use candle_core::{DType, Device, Tensor};
/// # use candle_nn::{VarBuilder, VarMap};
/// use leap_binder::model::{Mode, Network, YoloDetector, YoloSize};
///
/// let weights = VarMap::new();
/// let vb = VarBuilder::from_varmap(&weights, DType::F32, &Device::Cpu);
/// let detector = YoloDetector::new(YoloSize::N, 3, 2, vb)?;
/// let xs = Tensor::zeros((1, 3, 64, 32), DType::F32, &Device::Cpu)?;
/// assert_eq!(detector.forward_t(&xs, Mode::Eval)?.logits.dims(), [1, 2]);
/// assert!(detector.strongest_boxes(&xs)?[0].class < 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct YoloDetector {
    network: Staged,
    head: Arc<Detect>,
}

impl YoloDetector {
    /// Builds the network from `vb`, whose root holds `model.0.*` to `model.22.*`. `channels` is 1 or 3.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for another number of channels or no class, [`Error::Tensor`] if a tensor is missing or has
    /// another shape.
    pub fn new(size: YoloSize, channels: usize, classes: usize, vb: VarBuilder) -> Result<Self> {
        if !matches!(channels, 1 | 3) || classes == 0 {
            let found = format!("{channels} channels, {classes} classes");
            return Err(Error::argument("YoloDetector", "1 or 3 channels and at least one class", found));
        }
        build(size, channels, classes, vb).map_err(Error::tensor("model"))
    }

    /// The strongest box of each image in a batch as [`Network::forward_t`] takes it, in evaluation mode.
    ///
    /// # Errors
    ///
    /// As [`Network::forward_t`]; [`Error::Tensor`] also if an image has a logit that is not a number.
    pub fn strongest_boxes(&self, xs: &Tensor) -> Result<Vec<StrongestBox>> {
        self.check_input(xs)?;
        let packed = self.run(xs, 0..self.split_points().len(), Mode::Eval)?;
        strongest_boxes(&self.head, &packed).map_err(Error::tensor("strongest box"))
    }
}

fn build(size: YoloSize, channels: usize, classes: usize, vb: VarBuilder) -> TensorResult<YoloDetector> {
    let source = Source { vb, norm: DETECTOR_NORM };
    let mut stages = backbone::stages(size, channels, size.deepest(), &source)?;
    let deep = stages.split_off(BEFORE_FORK).into_iter().map(|(_, layer)| layer).collect();
    let widths = neck::widths(size);
    stages.push(("neck".to_owned(), Box::new(Neck::new(size, widths, deep, &source)?)));
    let head = Arc::new(Detect::new(widths, classes, source.pp("model.22"))?);
    let facts = Facts {
        name: size.detector().to_owned(),
        channels,
        sides: SIDES,
        classes,
        latent_dim: widths.iter().sum(),
        dtype: source.vb.dtype(),
        device: source.vb.device().clone(),
    };
    Ok(YoloDetector { network: Staged::new(facts, stages, Box::new(Arc::clone(&head))), head })
}

impl Network for YoloDetector {
    fn name(&self) -> &str {
        self.network.name()
    }

    fn channels(&self) -> usize {
        self.network.channels()
    }

    fn sides(&self) -> RangeInclusive<usize> {
        self.network.sides()
    }

    fn classes(&self) -> usize {
        self.network.classes()
    }

    fn latent_dim(&self) -> usize {
        self.network.latent_dim()
    }

    fn dtype(&self) -> DType {
        self.network.dtype()
    }

    fn device(&self) -> &Device {
        self.network.device()
    }

    fn check_input(&self, xs: &Tensor) -> Result<()> {
        self.network.check_input(xs)?;
        match *xs.dims() {
            [.., h, w] if h % STRIDE == 0 && w % STRIDE == 0 => Ok(()),
            _ => {
                let expected = format!("sides that are multiples of {STRIDE}");
                Err(Error::argument("YoloDetector", expected, format!("{:?}", xs.dims())))
            }
        }
    }

    fn split_points(&self) -> &[String] {
        self.network.split_points()
    }

    fn run(&self, xs: &Tensor, stages: Range<usize>, mode: Mode) -> Result<Tensor> {
        self.network.run(xs, stages, mode)
    }

    fn top(&self, features: &Tensor, mode: Mode) -> Result<Output> {
        self.network.top(features, mode)
    }
}

/// `model.22`: for each scale a branch of class logits and one of box distances.
#[derive(Debug)]
pub(super) struct Detect {
    widths: [usize; 3],
    boxes: Vec<Branch>,
    classes: Vec<Branch>,
    /// `(1, BINS, 1, 1)`: what each bin of a distance is worth, in strides. 0 to 15 in every file.
    pub(super) bins: Tensor,
}

impl Detect {
    fn new(widths: [usize; 3], classes: usize, source: Source) -> TensorResult<Self> {
        let [fine, ..] = widths;
        let branches = |name: &str, hidden, outputs| {
            let source = source.pp(name);
            let branch = |(scale, width)| Branch::new(width, hidden, outputs, source.pp(scale));
            widths.into_iter().enumerate().map(branch).collect::<TensorResult<Vec<_>>>()
        };
        Ok(Self {
            widths,
            boxes: branches("cv2", (fine / 4).max(4 * BINS), 4 * BINS)?,
            classes: branches("cv3", fine.max(classes.min(100)), classes)?,
            bins: bins(&source.pp("dfl.conv").vb)?,
        })
    }

    /// The three maps in `packed`, from the finest.
    pub(super) fn maps(&self, packed: &Tensor) -> TensorResult<[Tensor; 3]> {
        unpack(packed, self.widths)
    }

    /// Class logits `(n, classes, h, w)` of each map.
    pub(super) fn class_maps(&self, maps: &[Tensor; 3], mode: Mode) -> TensorResult<Vec<Tensor>> {
        self.classes.iter().zip(maps).map(|(branch, map)| branch.forward(map, mode)).collect()
    }

    /// Box logits `(n, 4 * BINS, h, w)` of each map.
    pub(super) fn box_maps(&self, maps: &[Tensor; 3], mode: Mode) -> TensorResult<Vec<Tensor>> {
        self.boxes.iter().zip(maps).map(|(branch, map)| branch.forward(map, mode)).collect()
    }
}

impl Top for Arc<Detect> {
    fn latent(&self, features: &Tensor, _: Mode) -> TensorResult<Tensor> {
        let maps = self.maps(features)?;
        let means = maps.iter().map(|map| map.mean((D::Minus2, D::Minus1))).collect::<TensorResult<Vec<_>>>()?;
        Tensor::cat(&means, 1)
    }

    fn logits(&self, features: &Tensor, _: &Tensor, mode: Mode) -> TensorResult<Tensor> {
        let classes = self.class_maps(&self.maps(features)?, mode)?;
        let anchors = classes.iter().map(|map| map.flatten_from(2)).collect::<TensorResult<Vec<_>>>()?;
        Tensor::cat(&anchors, 2)?.max(2)
    }
}

/// What the bins of a distance are worth: the file's numbers. No initialisation gives 0 to 15, so a variable is set to them.
fn bins(vb: &VarBuilder) -> TensorResult<Tensor> {
    let bins = vb.get_with_hints((1, BINS, 1, 1), "weight", Init::Const(1.0))?;
    if bins.is_variable() {
        let worth = Tensor::arange(0u32, BINS as u32, bins.device())?.to_dtype(bins.dtype())?;
        candle_core::Var::from_tensor(&bins)?.set(&worth.reshape((1, BINS, 1, 1))?)?;
    }
    Ok(bins)
}

/// Two convolutions 3x3 and one 1x1.
#[derive(Debug)]
struct Branch {
    first: Conv,
    second: Conv,
    last: Conv2d,
}

impl Branch {
    fn new(inputs: usize, hidden: usize, outputs: usize, source: Source) -> TensorResult<Self> {
        Ok(Self {
            first: Conv::new(inputs, hidden, 3, 1, source.pp(0))?,
            second: Conv::new(hidden, hidden, 3, 1, source.pp(1))?,
            last: candle_nn::conv2d(hidden, outputs, 1, Conv2dConfig::default(), source.pp(2).vb)?,
        })
    }
}

impl Layer for Branch {
    fn forward(&self, xs: &Tensor, mode: Mode) -> TensorResult<Tensor> {
        let xs = self.second.forward(&self.first.forward(xs, mode)?, mode)?;
        conv2d(&self.last, &xs)
    }
}
