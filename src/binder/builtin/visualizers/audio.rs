use candle_core::{Device, Tensor};

use super::pictures::{floats, rescale};
use crate::contract::{AudioVisual, HandlerResult, LeapAudio, LeapGraph, LeapImage};

/// A waveform is drawn with about this many points.
const POINTS: usize = 2000;

/// Sound with a picture of it: its waveform, or a spectrogram that the caller made. Not registered for every binder.
///
/// The sound loses axes of 1; of two axes that are left the shorter one is taken for the channels and averaged. Without
/// `visual`, or where that is a waveform (one axis), the picture is a graph of every k-th value, k = max(1, n / 2000),
/// over the time in seconds. A `visual` of two axes is a spectrogram: transposed where `time_axis` is even (0, or -2),
/// so that time runs to the right, and rescaled by [`rescale`]. One of three axes is an image and is taken as it is.
///
/// # Shapes
/// `audio`: `(n,)`, `(n, channels)` or `(channels, n)`, with any further axes of 1; `visual`: `(n,)`, `(frequencies,
/// times)` or `(height, width, 1 | 3)`.
///
/// # Errors
/// When the sound or the picture has another number of axes, and `BND-208` for a rate of 0 or an image that
/// [`LeapImage::new`] refuses.
pub fn default_audio_visualizer(
    audio: &Tensor,
    sample_rate: u32,
    visual: Option<&Tensor>,
    time_axis: i64,
) -> HandlerResult<LeapAudio> {
    let sound = mono(audio)?;
    let picture: AudioVisual = match visual.map(|visual| (visual, visual.rank())) {
        None => waveform(&sound, sound.len(), sample_rate)?.into(),
        Some((visual, 1)) => waveform(&floats(visual)?, sound.len(), sample_rate)?.into(),
        Some((visual, 2)) => {
            let turned = if time_axis % 2 == 0 { visual.t()? } else { visual.clone() };
            LeapImage::new(rescale(&turned)?.unsqueeze(2)?)?.into()
        }
        Some((visual, 3)) => LeapImage::new(visual.clone())?.into(),
        Some((visual, _)) => {
            let shape = visual.dims();
            return Err(format!("a picture of 1, 2 or 3 axes was expected, found shape {shape:?}").into());
        }
    };
    Ok(LeapAudio::new(sound, sample_rate, picture)?)
}

fn mono(audio: &Tensor) -> HandlerResult<Vec<f32>> {
    let shape: Vec<usize> = audio.dims().iter().copied().filter(|&length| length != 1).collect();
    let values = floats(audio)?;
    let (channels, length, channel_step, step) = match shape[..] {
        [_] => return Ok(values),
        [rows, columns] if rows <= columns => (rows, columns, columns, 1),
        [rows, columns] => (columns, rows, 1, columns),
        _ => {
            let found = audio.dims();
            return Err(
                format!("sound of shape (n,) or with one axis of channels was expected, found {found:?}").into()
            );
        }
    };
    let sum = |place: usize| (0..channels).map(|channel| values[channel * channel_step + place * step]).sum::<f32>();
    Ok((0..length).map(|place| sum(place) / channels as f32).collect())
}

fn waveform(values: &[f32], length: usize, sample_rate: u32) -> HandlerResult<LeapGraph> {
    let points: Vec<f32> = values.iter().copied().step_by((values.len() / POINTS).max(1)).collect();
    let shape = (points.len(), 1);
    let seconds = length as f64 / f64::from(sample_rate);
    let graph = LeapGraph::new(Tensor::from_vec(points, shape, &Device::Cpu)?)?;
    Ok(graph.with_x_label("Time [s]").with_y_label("Amplitude").with_x_range(0.0, seconds))
}
