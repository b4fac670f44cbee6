//! Orders of samples: what each epoch holds, over epochs, and what is refused.

use leap_binder::train::Sampling;
use proptest::prelude::*;

/// How often each of `size` places stands in `order`.
fn tally(order: &[usize], size: usize) -> Vec<usize> {
    let mut tally = vec![0; size];
    order.iter().for_each(|&place| tally[place] += 1);
    tally
}

/// How many of `order` are of each class.
fn shares(order: &[usize], labels: &[usize], classes: usize) -> Vec<usize> {
    tally(&order.iter().map(|&place| labels[place]).collect::<Vec<_>>(), classes)
}

/// As many labels of each class as `counts` says, mixed.
fn labels(counts: &[usize]) -> Vec<usize> {
    let mut left = counts.to_vec();
    let mut labels = Vec::new();
    while left.iter().any(|&left| left > 0) {
        for (class, left) in left.iter_mut().enumerate().filter(|(_, left)| **left > 0) {
            *left -= 1;
            labels.push(class);
        }
    }
    labels
}

#[test]
fn shuffled_is_a_permutation_of_its_own_in_every_epoch() {
    let labels = labels(&[30, 5, 0]);
    let epoch = |seed, epoch| Sampling::Shuffled.order(&labels, 3, seed, epoch).unwrap();
    let first = epoch(1, 0);
    assert_eq!(tally(&first, 35), [1; 35]);
    assert_eq!(first, epoch(1, 0));
    assert_ne!(first, epoch(1, 1));
    assert_ne!(first, epoch(2, 0));
    assert!(Sampling::Shuffled.order(&[], 0, 0, 0).unwrap().is_empty());
}

#[test]
fn shares_are_those_asked_for() {
    let labels = labels(&[1341, 2538, 1345]);
    let of = |sampling: &Sampling| shares(&sampling.order(&labels, 3, 3, 2).unwrap(), &labels, 3);
    assert_eq!(of(&Sampling::Shuffled), [1341, 2538, 1345]);
    assert_eq!(of(&Sampling::Balanced), [1742, 1741, 1741]);
    // 5224 times the root of each count by the sum of the roots, but for the rounding.
    let roots = [1341f64, 2538.0, 1345.0].map(f64::sqrt);
    let total: f64 = roots.iter().sum();
    for (found, root) in of(&Sampling::SqrtBalanced).into_iter().zip(roots) {
        assert!((found as f64 - 5224.0 * root / total).abs() < 1.0);
    }
    assert_eq!(of(&Sampling::Weighted(vec![1.0, 0.0, 3.0])), [1306, 0, 3918]);
}

#[test]
fn the_smallest_class_is_spread_over_the_epoch() {
    // 40 of 2000 are of class 1. Balanced, any stretch of 100 has near 50 of them: 6 standard deviations are 30.
    let labels = labels(&[1960, 40]);
    let order = Sampling::Balanced.order(&labels, 2, 0, 0).unwrap();
    for part in order.chunks(100) {
        let [_, rare] = shares(part, &labels, 2)[..] else { unreachable!() };
        assert!((20..=80).contains(&rare), "{rare}");
    }
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let refused =
        |sampling: Sampling, labels: &[usize], classes| sampling.order(labels, classes, 0, 0).unwrap_err().to_string();
    for sampling in [Sampling::Balanced, Sampling::SqrtBalanced, Sampling::Weighted(vec![1.0; 3])] {
        let text = refused(sampling, &[0, 2, 0], 3);
        assert!(text.contains("none of class 1"), "{text}");
    }
    assert!(refused(Sampling::Shuffled, &[0, 3], 3).contains("labels below 3, found 3 at place 1"));
    assert!(refused(Sampling::Weighted(vec![1.0]), &[0, 1], 2).contains("2 weights"));
    assert!(refused(Sampling::Weighted(vec![1.0, f64::NAN]), &[0, 1], 2).contains("weight of class 1"));
    assert!(refused(Sampling::Weighted(vec![-1.0, 1.0]), &[0, 1], 2).contains("weight of class 0"));
    assert!(refused(Sampling::Weighted(vec![1.0, f64::INFINITY]), &[0, 1], 2).contains("weight of class 1"));
    assert!(refused(Sampling::Weighted(vec![0.0, 0.0]), &[0, 1], 2).contains("above 0"));
    assert!(refused(Sampling::Balanced, &[], 0).contains("above 0"));
    // Far out, but an epoch like any other.
    assert_eq!(Sampling::Balanced.order(&[0, 1, 1], 2, u64::MAX, usize::MAX).unwrap().len(), 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_sample_comes_again_before_all_of_its_class_were_seen(
        counts in prop::collection::vec(1usize..40, 1..5),
        weights in prop::collection::vec(0.01f64..10.0, 5),
        seed: u64,
        balanced: bool,
    ) {
        let labels = labels(&counts);
        let weights = weights[..counts.len()].to_vec();
        let sampling = if balanced { Sampling::Balanced } else { Sampling::Weighted(weights) };
        let mut seen = vec![0; labels.len()];
        for epoch in 0..6 {
            let order = sampling.order(&labels, counts.len(), seed, epoch).unwrap();
            prop_assert_eq!(order.len(), labels.len());
            let tally = tally(&order, labels.len());
            seen.iter_mut().zip(tally).for_each(|(seen, tally)| *seen += tally);
            for class in 0..counts.len() {
                let of_class = || seen.iter().zip(&labels).filter(|(_, label)| **label == class).map(|(seen, _)| *seen);
                // After any number of epochs the members of a class were seen equally often, but for one round under way.
                prop_assert!(of_class().max().unwrap() - of_class().min().unwrap() <= 1);
            }
            if balanced {
                let shares = shares(&order, &labels, counts.len());
                prop_assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1);
            }
        }
    }
}
