//! Batches on the CPU from channels last to channels first, in one pass over plain slices.

use candle_core::{Device, Result, Storage, Tensor};

/// Reads the values of an f32 tensor in the order of its shape; on the CPU, and where they lie in a row, without a copy.
pub(crate) fn with_values<T>(xs: &Tensor, read: impl FnOnce(&[f32]) -> T) -> Result<T> {
    let xs = xs.to_device(&Device::Cpu)?.contiguous()?;
    let (storage, layout) = xs.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(storage), Some((start, end))) => Ok(read(&storage.as_slice::<f32>()?[start..end])),
        _ => Ok(read(&xs.flatten_all()?.to_vec1::<f32>()?)),
    }
}

/// `(n, h, w, from)` f32 to `(n, to, h, w)` on the CPU, each value through `map`, which is also given the channel `0..to`. One
/// channel is copied to three; of three the first makes one. `from` and `to` are 1 or 3; no side is zero.
pub(super) fn channels_first(values: &Tensor, to: usize, map: impl Fn(f32, usize) -> f32) -> Result<Tensor> {
    let (n, h, w, from) = values.dims4()?;
    let planes = with_values(values, |values| match from {
        1 => split::<1>(values, h * w, to, map),
        _ => split::<3>(values, h * w, to, map),
    })?;
    Tensor::from_vec(planes, (n, to, h, w), &Device::Cpu)
}

/// The planes of images of `pixels` pixels with `FROM` interleaved channels.
fn split<const FROM: usize>(values: &[f32], pixels: usize, to: usize, map: impl Fn(f32, usize) -> f32) -> Vec<f32> {
    if pixels == 0 {
        return Vec::new();
    }
    let mut planes = Vec::with_capacity(values.len() / FROM * to);
    for image in values.chunks_exact(pixels * FROM) {
        for channel in 0..to {
            let source = channel.min(FROM - 1);
            planes.extend(image.as_chunks::<FROM>().0.iter().map(|pixel| map(pixel[source], channel)));
        }
    }
    planes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_planes_are_candles_permutation() {
        for (n, h, w, c) in [(1, 1, 1, 3), (2, 3, 5, 3), (3, 1, 7, 1), (1, 4, 1, 1)] {
            let values = Tensor::arange(0f32, (n * h * w * c) as f32, &Device::Cpu).unwrap();
            let values = values.reshape((n, h, w, c)).unwrap();
            let planes = channels_first(&values, c, |value, _| value).unwrap();
            let expected = values.permute((0, 3, 1, 2)).unwrap();
            assert_eq!(planes.dims(), expected.dims());
            let flat = |xs: &Tensor| xs.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(flat(&planes), flat(&expected));
            // The same from a view that does not lie in a row.
            let turned = values.permute((0, 2, 1, 3)).unwrap();
            let expected = turned.permute((0, 3, 1, 2)).unwrap();
            assert_eq!(flat(&channels_first(&turned, c, |value, _| value).unwrap()), flat(&expected));
            // The first of three, three of one.
            let other = 4 - c;
            let all = channels_first(&values, other, |value, channel| value + channel as f32).unwrap();
            let first = values.narrow(3, 0, 1).unwrap().permute((0, 3, 1, 2)).unwrap();
            for channel in 0..other {
                let plane = (all.narrow(1, channel, 1).unwrap() - channel as f64).unwrap();
                assert_eq!(flat(&plane), flat(&first));
            }
        }
    }

    #[test]
    fn values_are_read_in_the_order_of_the_shape() {
        let values = Tensor::arange(0f32, 6.0, &Device::Cpu).unwrap().reshape((2, 3)).unwrap();
        assert_eq!(with_values(&values.t().unwrap(), <[f32]>::to_vec).unwrap(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(with_values(&values.narrow(0, 1, 1).unwrap(), <[f32]>::to_vec).unwrap(), [3.0, 4.0, 5.0]);
        assert!(with_values(&values.to_dtype(candle_core::DType::U8).unwrap(), <[f32]>::len).is_err());
    }
}
