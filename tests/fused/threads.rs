//! The same bits whoever computes, how many, and in what company.

use candle_core::Tensor;
use rayon::ThreadPoolBuilder;
use rayon::prelude::*;

use super::formula::batch;
use super::pairs::{SMALL, bits, forward};

fn pool(threads: usize) -> rayon::ThreadPool {
    ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

fn row(output: &leap_binder::model::Output, index: usize) -> Vec<u32> {
    let row = |xs: &Tensor| xs.narrow(0, index, 1).unwrap();
    bits(&leap_binder::model::Output { logits: row(&output.logits), latent: row(&output.latent) })
}

#[test]
fn threads_and_batches_change_no_bit() {
    let fused = SMALL.fused.as_ref();
    for (h, w) in [(32, 32), (65, 47), (224, 224)] {
        let xs = batch(3, 3, h, w);
        let image = |index: usize| xs.narrow(0, index, 1).unwrap();
        let expected: Vec<_> = (0..3).map(|index| pool(1).install(|| bits(&forward(fused, &image(index))))).collect();
        for threads in [1, 2, 3, 8] {
            pool(threads).install(|| {
                let output = forward(fused, &xs);
                for (index, expected) in expected.iter().enumerate() {
                    assert_eq!(&row(&output, index), expected, "{h} x {w}, image {index}, {threads} threads");
                    assert_eq!(&bits(&forward(fused, &image(index))), expected, "{h} x {w} alone, {threads} threads");
                }
            });
        }
    }
}

/// Many threads from outside, with images of several sizes, through one network.
#[test]
fn callers_do_not_disturb_each_other() {
    let fused = SMALL.fused.as_ref();
    let images: Vec<_> = [(32, 32), (64, 33), (47, 50)].iter().map(|&(h, w)| batch(1, 3, h, w)).collect();
    let expected: Vec<_> = images.iter().map(|xs| bits(&forward(fused, xs))).collect();
    std::thread::scope(|scope| {
        for caller in 0..8 {
            let (images, expected) = (&images, &expected);
            scope.spawn(move || {
                for round in 0..4 {
                    let index = (caller + round) % images.len();
                    assert_eq!(bits(&forward(fused, &images[index])), expected[index]);
                }
            });
        }
    });
}

/// Inside a pool whose threads are all at work, with more images than threads, and passes that start passes.
#[test]
fn a_busy_pool_is_no_trap() {
    let fused = SMALL.fused.as_ref();
    let xs = batch(2, 3, 47, 50);
    let expected = bits(&forward(fused, &xs));
    for threads in [1, 2, 5] {
        pool(threads).install(|| {
            let all: Vec<_> = (0..12).into_par_iter().map(|_| bits(&forward(fused, &xs))).collect();
            assert!(all.iter().all(|found| *found == expected), "{threads} threads");
            let (a, b) = rayon::join(|| bits(&forward(fused, &xs)), || bits(&forward(fused, &xs)));
            assert!(a == expected && b == expected, "{threads} threads");
        });
    }
}
