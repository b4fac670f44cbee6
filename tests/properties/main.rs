//! A random valid binder is valid, and one random mutation of it is caught and named.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod build;
mod description;
mod drawing;
mod expected;
mod mutation;
mod samples;
mod strategy;
mod verdict;

use leap_binder::check::check;
use mutation::Mutation;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_valid_binder_is_valid(description in strategy::description()) {
        let binder = build::build(&description).unwrap();
        let report = check(&binder);
        expected::holds(&description, &report);
        let json = serde_json::to_value(&report).unwrap();
        prop_assert_eq!(&json["is_valid"], true);
        prop_assert_eq!(json, serde_json::to_value(check(&binder)).unwrap(), "the same when it is checked again");
    }

    /// The first mutation from a random place in the catalogue that the description can take.
    #[test]
    fn one_mutation_is_caught(
        description in strategy::description(),
        first in 0..Mutation::ALL.len(),
        pick in 0..9240usize,
    ) {
        let catalogue = Mutation::ALL.iter().cycle().skip(first).take(Mutation::ALL.len());
        let broken = catalogue.copied().find_map(|mutation| {
            let mut description = description.clone();
            mutation.apply(&mut description, pick).map(|caught| (mutation, description, caught))
        });
        let (_, description, caught) = broken.unwrap();
        verdict::is_caught(&description, &caught);
    }
}

/// No mutation is left out by chance: each is applied to several descriptions.
#[test]
fn every_mutation_is_caught() {
    let mut runner = TestRunner::deterministic();
    let descriptions: Vec<_> =
        (0..150).map(|_| strategy::description().new_tree(&mut runner).unwrap().current()).collect();
    for mutation in Mutation::ALL {
        let mut applied = 0;
        for (pick, description) in descriptions.iter().enumerate() {
            let mut description = description.clone();
            let Some(caught) = mutation.apply(&mut description, pick * 37) else { continue };
            println!("{mutation:?}");
            verdict::is_caught(&description, &caught);
            applied += 1;
            if applied == 8 {
                break;
            }
        }
        assert!(applied >= 3, "{mutation:?} was applied {applied} times");
    }
}
