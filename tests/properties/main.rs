//! A random valid binder is valid, and one random mutation of it is caught and named.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod build;
mod description;
mod drawing;
mod expected;
mod strategy;

use leap_binder::check::check;
use proptest::prelude::*;

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
}
