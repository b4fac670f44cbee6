use candle_core::{DType, Tensor};

use super::rules::shape_text;
use super::tensor::{numpy_name, values};
use super::{LeapHorizontalBar, LeapImageMask, LeapImageWithBBox, LeapImageWithHeatmap, LeapTextMask, Visualization};

impl Visualization {
    /// What will not render well, in code_loader 1.0.214's cases (binder contract, section 2.7); never an error.
    ///
    /// Images outside 0..=255, in 0..=1 or not finite; videos outside 0..=1; box coordinates outside 0..=1; numbers of
    /// labels and true lengths of bars; sizes and ids of masks; sizes of heat maps. An all-zero float image and a 0..=1
    /// image under a mask are fine. The texts name neither visualizer nor sample, which the caller knows.
    pub fn warnings(&self) -> Vec<String> {
        let found = match self {
            Self::Image(payload) => still(payload.data()),
            Self::Video(payload) => video(payload.data()),
            Self::ImageWithBBox(payload) => with_boxes(payload),
            Self::HorizontalBar(payload) => Ok(bars(payload)),
            Self::ImageMask(payload) => image_mask(payload),
            Self::TextMask(payload) => Ok(text_mask(payload)),
            Self::ImageWithHeatmap(payload) => with_heatmaps(payload),
            Self::Text(_) | Self::Graph(_) | Self::Audio(_) | Self::PointCloud(_) => Ok(Vec::new()),
        };
        found.unwrap_or_else(|error| vec![format!("the payload's values cannot be read: {error}")])
    }
}

type Found = candle_core::Result<Vec<String>>;

/// Least and greatest value, and whether all are finite.
struct Range {
    least: f32,
    greatest: f32,
    finite: bool,
}

impl Range {
    /// None for an empty tensor.
    fn of(xs: &Tensor) -> candle_core::Result<Option<Self>> {
        let values = values(xs)?;
        let (least, greatest) = (values.iter().copied().reduce(f32::min), values.iter().copied().reduce(f32::max));
        let finite = values.iter().all(|value| value.is_finite());
        Ok(least.zip(greatest).map(|(least, greatest)| Self { least, greatest, finite }))
    }

    fn text(&self) -> String {
        format!("[{}, {}]", short(self.least), short(self.greatest))
    }
}

/// Six significant digits.
fn short(value: f32) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(f64::from(value))
}

fn not_finite(what: &str) -> String {
    format!("{what} data contains NaN or Inf values, which will render incorrectly.")
}

fn still(xs: &Tensor) -> Found {
    let Some(range) = Range::of(xs)? else { return Ok(Vec::new()) };
    let span = range.text();
    let warning = if !range.finite {
        not_finite("image")
    } else if xs.dtype() == DType::U8 {
        if range.greatest > 1.0 {
            return Ok(Vec::new());
        }
        format!(
            "image data is {} but values span only {span} - this will appear near-black. If the data is normalized to \
             [0,1], scale to [0,255] before casting to uint8.",
            numpy_name(xs.dtype())
        )
    } else if range.least < 0.0 || range.greatest > 255.0 {
        format!(
            "image data is float with values in {span}, outside the displayable [0,255] range - looks like a \
             normalized model input (e.g. standardized or scaled to [-1,1]). Undo the normalisation before drawing."
        )
    } else if range.greatest > 0.0 && range.greatest <= 1.0 {
        format!(
            "image data is float with values in {span} - looks normalized to [0,1]. Tensorleap renders images by \
             casting to int, so this will appear near-black. Scale to [0,255] before drawing."
        )
    } else {
        return Ok(Vec::new());
    };
    Ok(vec![warning])
}

fn video(xs: &Tensor) -> Found {
    let Some(range) = Range::of(xs)? else { return Ok(Vec::new()) };
    let span = range.text();
    let warning = if !range.finite {
        not_finite("video")
    } else if xs.dtype() == DType::U8 {
        if range.greatest > 1.0 {
            return Ok(Vec::new());
        }
        format!(
            "video data is {} but values span only {span} - this will appear near-black. uint8 video is used as-is in \
             [0,255]; scale to [0,255] before casting.",
            numpy_name(xs.dtype())
        )
    } else if range.least < 0.0 || range.greatest > 1.0 {
        format!(
            "video data is float with values in {span}, outside the expected [0,1] range. Tensorleap scales float \
             video by 255, so values > 1 saturate to white and negatives clip to black."
        )
    } else {
        return Ok(Vec::new());
    };
    Ok(vec![warning])
}

fn with_boxes(payload: &LeapImageWithBBox) -> Found {
    let mut found = still(payload.data())?;
    let inside = |value: f64| (0.0..=1.0).contains(&value);
    if !payload
        .bounding_boxes()
        .iter()
        .all(|shape| [shape.x, shape.y, shape.width, shape.height].into_iter().all(inside))
    {
        found.push(
            "bounding box coordinates (x, y, width, height) should be relative to image size, in [0,1]. Got values \
             outside [0,1] - looks like absolute pixel coordinates. Boxes will not be where they belong; divide by the \
             image's size."
                .to_owned(),
        );
    }
    Ok(found)
}

fn bars(payload: &LeapHorizontalBar) -> Vec<String> {
    let mut found = Vec::new();
    let (bars, labels) = (payload.body().len(), payload.labels().len());
    if bars != labels {
        found.push(format!(
            "body length ({bars}) does not match labels length ({labels}). Bars and labels will be misaligned or \
             truncated."
        ));
    }
    if let Some(truths) = payload.gt().map(<[_]>::len).filter(|&truths| truths != bars) {
        found.push(format!(
            "gt length ({truths}) does not match body length ({bars}). Prediction and GT bars will be misaligned."
        ));
    }
    found
}

fn image_mask(payload: &LeapImageMask) -> Found {
    let mut found = Vec::new();
    if Range::of(payload.image())?.is_some_and(|range| !range.finite) {
        found.push(not_finite("image"));
    }
    let (mask, image) = (payload.mask().dims(), &payload.image().dims()[..2]);
    if mask != image {
        found.push(format!(
            "mask shape {} does not match image H x W {}. The mask overlay will fail or be misaligned.",
            shape_text(mask),
            shape_text(image)
        ));
    }
    let (labels, range) = (payload.labels().len(), Range::of(payload.mask())?);
    if let Some(id) = range.map(|range| range.greatest as usize).filter(|&id| id > labels) {
        found.push(format!(
            "mask contains class id(s) up to {id} but only {labels} label(s) were provided. plot_image_mask colors ids \
             1..{labels}, so regions with higher ids will be left uncolored. Provide a label for each id."
        ));
    }
    Ok(found)
}

fn text_mask(payload: &LeapTextMask) -> Vec<String> {
    let mut found = Vec::new();
    let (mask, words, labels) = (payload.mask().len(), payload.text().len(), payload.labels().len());
    if mask != words {
        found.push(format!(
            "mask length ({mask}) does not match text length ({words}). Tokens will be dropped or misaligned (zip \
             truncates to the shorter one)."
        ));
    }
    if let Some(id) = payload.mask().iter().map(|&id| usize::from(id)).max().filter(|&id| id > labels) {
        found.push(format!(
            "mask has values up to {id} but only {labels} label(s) were provided. Colors will wrap and label mapping \
             will be wrong."
        ));
    }
    found
}

fn with_heatmaps(payload: &LeapImageWithHeatmap) -> Found {
    let mut found = still(payload.image())?;
    let (heat, image) = (payload.heatmaps().dims(), payload.image().dims());
    let (heat, image) = (&heat[1..heat.len().min(3)], &image[..image.len().min(2)]);
    if heat != image {
        found.push(format!(
            "heatmap spatial size {} does not match image H x W {}. The heatmap overlay will be stretched or \
             misaligned.",
            shape_text(heat),
            shape_text(image)
        ));
    }
    Ok(found)
}
