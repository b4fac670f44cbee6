//! The check by random weights (Adebayo et al., *Sanity Checks for Saliency Maps*, NeurIPS 2018) on the shipped DenseNet201.

use candle_core::{Device, Tensor};
use leap_binder::explain::{
    Faithfulness, FaithfulnessOptions, Method, Objective, Randomised, Verdict, explain, faithfulness,
};
use leap_binder::model::{Classifier, Weights};

use super::{SHIPPED, WEIGHTS, xray};

/// What was learned is in the maps: the network with random weights ranks the places in another order. Its maps may still lie
/// well by luck, so that deletion and insertion are not asked here; see [`Verdict`].
#[test]
fn maps_of_the_shipped_network_are_not_those_of_its_random_twin() {
    let xs = ["person100_bacteria_475", "NORMAL2-IM-0173-0001-0001"].map(|file| xray(file, "none"));
    let xs = Tensor::cat(&xs, 0).unwrap();
    let method = Method::grad_cam();
    let maps = explain(&*SHIPPED, &xs, &Objective::predicted(), &method).unwrap();
    let judged = |twin: &Classifier| {
        let randomised = Some(Randomised { model: twin, method: &method });
        let options = FaithfulnessOptions { steps: 1, moves: 0, randomised, ..Default::default() };
        faithfulness(&*SHIPPED, &xs, &maps, &Objective::predicted(), &options).unwrap()
    };
    for seed in 0..2 {
        let twin = Classifier::new(&Weights::random(WEIGHTS.card().clone(), seed).unwrap(), &Device::Cpu).unwrap();
        for found in judged(&twin) {
            let correlation = found.randomised_correlation.unwrap();
            println!("seed {seed}: {correlation:.3}");
            assert!(correlation.abs() < Faithfulness::MOST_CORRELATION, "seed {seed}: {correlation}");
        }
    }
    // The check can fail: a "random" twin that has learned the same is seen through.
    for found in judged(&SHIPPED) {
        assert_eq!((found.randomised_correlation, found.verdict()), (Some(1.0), Verdict::BlindToTheModel));
    }
}
