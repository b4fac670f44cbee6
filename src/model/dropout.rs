//! Dropout whose draws are a function of the pass's seed, the layer and the element.

use candle_core::{Result as TensorResult, Tensor};

use super::Mode;
use crate::rng::SplitMix64;

/// In [`Mode::Train`] zeroes each value of `xs` with chance `probability` (in `[0, 1)`) and divides the others by
/// `1 - probability`; in [`Mode::Eval`] gives `xs` back.
///
/// Element `i`, in row-major order, of the layer `layer` is dropped if the upper 24 bits of draw `i`, read as a fraction,
/// lie below `probability`. The draws are [`SplitMix64`]'s, seeded with the pass's seed xor the name's FNV-1a hash: the
/// same on every device.
pub(super) fn dropout(xs: &Tensor, probability: f64, layer: &str, mode: Mode) -> TensorResult<Tensor> {
    let Mode::Train { seed } = mode else { return Ok(xs.clone()) };
    if probability <= 0.0 {
        return Ok(xs.clone());
    }
    let mut rng = SplitMix64::new(seed ^ fnv1a(layer));
    let kept = (1.0 / (1.0 - probability)) as f32;
    let mask: Vec<f32> =
        (0..xs.elem_count()).map(|_| if unit(rng.next_u64()) < probability { 0.0 } else { kept }).collect();
    xs * Tensor::from_vec(mask, xs.shape(), xs.device())?.to_dtype(xs.dtype())?
}

/// The upper 24 bits as a fraction in `[0, 1)`.
fn unit(bits: u64) -> f64 {
    (bits >> 40) as f64 / (1u64 << 24) as f64
}

fn fnv1a(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    fn dropped(probability: f64, layer: &str, mode: Mode) -> Vec<f32> {
        let ones = Tensor::ones((100, 200), DType::F32, &Device::Cpu).unwrap();
        dropout(&ones, probability, layer, mode).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn the_share_is_kept_and_the_mean_is_one() {
        let values = dropped(0.2, "classifier", Mode::Train { seed: 1 });
        let zeros = values.iter().filter(|&&x| x == 0.0).count();
        // 20,000 draws: five standard deviations are 283.
        assert!((3717..=4283).contains(&zeros), "{zeros}");
        assert!(values.iter().all(|&x| x == 0.0 || x == 1.25));
    }

    #[test]
    fn seed_and_layer_decide_and_nothing_else() {
        let first = dropped(0.5, "a", Mode::Train { seed: 1 });
        assert_eq!(first, dropped(0.5, "a", Mode::Train { seed: 1 }));
        assert_ne!(first, dropped(0.5, "a", Mode::Train { seed: 2 }));
        assert_ne!(first, dropped(0.5, "b", Mode::Train { seed: 1 }));
    }

    #[test]
    fn evaluation_and_a_chance_of_zero_change_nothing() {
        for (probability, mode) in [(0.5, Mode::Eval), (0.0, Mode::Train { seed: 1 })] {
            assert!(dropped(probability, "a", mode).iter().all(|&x| x == 1.0));
        }
    }
}
