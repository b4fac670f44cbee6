//! The same logits and latents within what is promised.

use leap_binder::model::{FusedDenseNet, Level, Network, Precision};

use super::formula::batch;
use super::pairs::{AGREEMENT, Pair, SMALL, distances, forward, weights};

fn check(pair: &Pair, fused: &dyn Network, (n, h, w): (usize, usize, usize)) {
    let xs = batch(n, fused.channels(), h, w);
    for distance in distances(&forward(fused, &xs), &forward(pair.plain.as_ref(), &xs)) {
        assert!(distance <= AGREEMENT, "{} of {n} x {h} x {w}: {distance:e}", fused.name());
    }
}

/// All networks, one and three channels, few and many classes, square and not, large and small.
#[test]
fn every_network_agrees() {
    for (name, channels, classes) in
        [("densenet121", 1, 1000), ("densenet161", 3, 2), ("densenet169", 1, 1), ("densenet201", 3, 17)]
    {
        let pair = Pair::of(weights(name, channels, classes, 224));
        assert_eq!(pair.fused.classes(), classes);
        for size in [(3, 32, 32), (1, 65, 65), (3, 33, 70), (1, 47, 32), (1, 224, 224)] {
            check(&pair, pair.fused.as_ref(), size);
        }
    }
}

/// The usual size decides between ways to compute, not about results.
#[test]
fn any_usual_size_agrees() {
    for usual in [32, 448] {
        let pair = Pair::of(weights("densenet121", 3, 3, usual));
        for size in [(1, 32, 32), (2, 65, 90), (1, 160, 96)] {
            check(&pair, pair.fused.as_ref(), size);
        }
    }
}

#[test]
fn every_level_agrees() {
    for &level in Level::ALL {
        if !level.is_available() {
            let refused = FusedDenseNet::for_level(&SMALL.weights, Precision::F32, level).unwrap_err();
            assert!(matches!(refused, leap_binder::Error::Device { .. }), "{refused}");
            continue;
        }
        let fused = SMALL.level(level);
        assert_eq!(fused.level(), level);
        for size in [(1, 32, 32), (2, 47, 70), (1, 128, 96)] {
            check(&SMALL, &fused, size);
        }
    }
    assert!(Level::best().is_available() && Level::Portable.is_available());
}

/// bf16 keeps two digits.
#[test]
fn bf16_stays_near() {
    let fused = FusedDenseNet::new(&SMALL.weights, Precision::Bf16).unwrap();
    let xs = batch(2, 3, 96, 96);
    for distance in distances(&forward(&fused, &xs), &forward(SMALL.plain.as_ref(), &xs)) {
        assert!((1e-6..3e-2).contains(&distance), "{distance:e}");
    }
}
