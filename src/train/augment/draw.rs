//! All chance of one image, drawn before anything is done with it.

use crate::rng::SplitMix64;

/// One draw for each use. Signed ones lie in [-1, 1), the others in [0, 1).
#[derive(Debug)]
pub(super) struct Draw {
    pub(super) turn: f64,
    pub(super) zoom: f64,
    pub(super) stretch: f64,
    /// Along the width and along the height.
    pub(super) shift: [f64; 2],
    pub(super) brightness: f32,
    pub(super) contrast: f32,
    pub(super) gamma: f64,
    pub(super) mirrored: f32,
    pub(super) erased: f32,
    pub(super) patch_area: f64,
    pub(super) patch_aspect: f64,
    /// Down and across.
    pub(super) patch_place: [f64; 2],
}

impl Draw {
    /// New draws belong at the end: the order is part of what a seed means.
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = SplitMix64::new(seed);
        // 53 bits as f64 and 24 as f32, so that no draw rounds to 1.
        let mut even = || (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let signed = |even: f64| 2.0 * even - 1.0;
        let narrow = |even: f64| (even * 16_777_216.0).floor() as f32 / 16_777_216.0;
        Self {
            turn: signed(even()),
            zoom: signed(even()),
            stretch: signed(even()),
            shift: [signed(even()), signed(even())],
            brightness: signed(even()) as f32,
            contrast: signed(even()) as f32,
            gamma: signed(even()),
            mirrored: narrow(even()),
            erased: narrow(even()),
            patch_area: even(),
            patch_aspect: even(),
            patch_place: [even(), even()],
        }
    }
}
