//! Split points: what flows out of them, and the rest of the pass.

use candle_core::{DType, Tensor};
use leap_binder::Error;
use leap_binder::model::Mode;

use super::formula::batch;
use super::pairs::{AGREEMENT, CPU, Pair, SMALL, bits, distance, distances, flat, forward, weights};

fn check(pair: &Pair, xs: &Tensor) {
    let (plain, fused) = (pair.plain.as_ref(), pair.fused.as_ref());
    assert_eq!(plain.split_points(), fused.split_points());
    let whole = forward(fused, xs);
    let expected = forward(plain, xs);
    for (stage, split) in fused.split_points().iter().enumerate() {
        let features = fused.forward_to(split, xs).unwrap();
        let plain_features = plain.forward_to(split, xs).unwrap();
        assert!(distance(&features, &plain_features) <= AGREEMENT, "{split}");
        let rest = fused.forward_from(split, &features).unwrap();
        assert_eq!(bits(&rest), bits(&whole), "{split}");
        for rest in [rest, fused.forward_from(split, &plain_features).unwrap()] {
            let apart = distances(&rest, &expected);
            assert!(apart.iter().all(|distance| *distance <= AGREEMENT), "{split}: {apart:?}");
        }
        // Any stretch of stages, from a cut on.
        for end in [stage + 1, (stage + 3).min(fused.split_points().len())] {
            let found = fused.run(&features, stage + 1..end, Mode::Eval).unwrap();
            let straight = fused.run(xs, 0..end, Mode::Eval).unwrap();
            assert_eq!(flat(&found), flat(&straight), "{split} to {end}");
        }
    }
}

#[test]
fn every_split_point_hands_out_and_takes_in() {
    for (n, h, w) in [(2, 64, 64), (1, 33, 70)] {
        check(&SMALL, &batch(n, 3, h, w));
    }
    check(&Pair::of(weights("densenet169", 1, 2, 64)), &batch(1, 1, 75, 50));
}

#[test]
fn features_of_another_shape_are_refused() {
    let fused = SMALL.fused.as_ref();
    let refused = |result: leap_binder::Result<()>, what: &str| {
        assert!(matches!(result, Err(Error::Argument { .. } | Error::Tensor { .. })), "{what}: {result:?}");
    };
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &CPU).unwrap();
    for split in fused.split_points() {
        let sound = fused.forward_to(split, &batch(1, 3, 64, 64)).unwrap();
        let (_, c, h, w) = sound.dims4().unwrap();
        for shape in
            [&[1, c + 1, h, w][..], &[1, c - 1, h, w], &[c, h, w], &[0, c, h, w], &[1, c, 0, w], &[1, 1, c, h, w], &[c]]
        {
            refused(fused.forward_from(split, &zeros(shape)).map(drop), &format!("{split} {shape:?}"));
        }
        let half = sound.to_dtype(DType::F16).unwrap();
        refused(fused.forward_from(split, &half).map(drop), &format!("{split} in f16"));
    }
    refused(fused.forward_to("layer4", &batch(1, 3, 64, 64)).map(drop), "no such split point");
    for shape in [&[1, 3, 31, 64][..], &[1, 3, 64, 31], &[1, 1, 64, 64], &[0, 3, 64, 64], &[3, 64, 64]] {
        refused(fused.forward_t(&zeros(shape), Mode::Eval).map(drop), &format!("{shape:?}"));
        refused(fused.forward_to("features.norm5", &zeros(shape)).map(drop), &format!("to the end from {shape:?}"));
    }
    refused(fused.run(&batch(1, 3, 64, 64), 0..99, Mode::Eval).map(drop), "stages that are not there");
}
