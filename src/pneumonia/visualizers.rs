use candle_core::Tensor;

use crate::contract::{HandlerResult, LeapHorizontalBar};
use crate::imaging::{ChannelOrder, Normalisation};

/// Bars of the histogram that are shown.
const TOP: usize = 30;

/// The commonest pixel values of an encoded image `(h, w, 3)`, as the reference draws them.
///
/// The pixels of all channels are counted by their 8-bit level. The 30 commonest, by count and then by level, both
/// descending, make the bars. As in the reference, a bar's length is the *level* and its label the
/// *count*, printed as a float. (NumPy leaves the order of equal counts open; here it is defined.)
///
/// # Errors
/// When a value is no 8-bit level, which no encoder of this binder produces.
pub(super) fn pixels_histogram(
    image: &Tensor,
    order: ChannelOrder,
    normalisation: Normalisation,
) -> HandlerResult<LeapHorizontalBar> {
    let values = image.flatten_all()?.to_vec1::<f32>()?;
    let mut counts = [0u64; 256];
    for (place, value) in values.into_iter().enumerate() {
        let level = match normalisation {
            Normalisation::UnitRange => (value * 255.0).trunc(),
            Normalisation::MeanStd { mean, std } => {
                let channel = if order == ChannelOrder::Bgr { 2 - place % 3 } else { place % 3 };
                ((value * std[channel] + mean[channel]) * 255.0).round()
            }
        };
        if !(0.0..=255.0).contains(&level) {
            return Err(format!("a pixel of level 0 to 255 was expected, found {level} at flat index {place}").into());
        }
        counts[level as usize] += 1;
    }
    let mut levels: Vec<usize> = (0..256).collect();
    levels.sort_by_key(|&level| std::cmp::Reverse((counts[level], level)));
    levels.truncate(TOP);
    let body = levels.iter().map(|&level| level as f32).collect();
    let labels = levels.iter().map(|&level| format!("{}.0", counts[level]));
    Ok(LeapHorizontalBar::new(body, labels))
}

/// One bar for each class.
pub(super) fn class_bars(values: &Tensor, labels: &[&str]) -> HandlerResult<LeapHorizontalBar> {
    let body = values.flatten_all()?.to_vec1::<f32>()?;
    Ok(LeapHorizontalBar::new(body, labels.iter().copied()))
}
