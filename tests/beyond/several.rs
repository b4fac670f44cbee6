//! Rules that show in several samples or calls together.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use leap_binder::check::{FunctionKind, Severity};
use leap_binder::contract::{Metadata, MetadataValue};

use super::*;

#[test]
fn an_id_twice_in_a_subset() {
    let ids = |ids: &[&str]| Subset::new(Validation, ids.iter().copied());
    let with = |validation| over(vec![subset(Training, 100), validation]);
    let report = report(with(ids(&["v1", "v2", "v1", "v3", "v2", "v1"])), &CheckOptions::strict());
    let twice = ["v1", "v2", "v1"].map(|id| format!("BND-107 preprocess validation {id}"));
    assert_eq!(failures(&report), twice);
    assert!(report.findings[0].failure.found.contains("places 0 and 2 (3 ids are repeated"));
    assert!(report.is_valid, "code_loader does not look");
    assert_eq!(found(with(ids(&["t1", "t2"]))), [""; 0], "two subsets may share ids");
}

#[test]
fn encoders_that_change_their_mind() {
    let counter = || {
        let calls = AtomicU64::new(0);
        move || calls.fetch_add(1, Ordering::Relaxed) as f32
    };
    let options = CheckOptions::strict();
    let told = |builder| failures(&report(builder, &options));
    let (next, again, number) = (counter(), counter(), counter());
    let places = ["training t0", "validation v0", "test t0", "unlabeled u0"];
    let bad = healthy().input("bad", move |_| Ok([1.0, next()]));
    assert_eq!(told(bad), places.map(|place| format!("BND-401 input_encoder::bad {place}")));
    let bad = healthy().ground_truth("bad", move |_| Ok([again()]));
    assert_eq!(
        told(bad),
        places[..3].iter().map(|place| format!("BND-401 gt_encoder::bad {place}")).collect::<Vec<_>>()
    );
    let bad = healthy().metadata("bad", move |_| Ok(Metadata::map([("same", 1.0), ("other", number())])));
    assert_eq!(told(bad), places.map(|place| format!("BND-401 metadata::bad {place}")));
    let nan = healthy().metadata("nan", |_| Ok(f64::NAN)).metadata_typed(
        "none",
        leap_binder::contract::MetadataType::Int,
        |_| Ok(MetadataValue::Absent),
    );
    assert_eq!(told(nan), [""; 0], "NaN is the same as NaN");

    // Only the 40th sample is unsteady: sampling finds it, the first sample does not.
    let calls = AtomicU64::new(0);
    let late = healthy().input("late", move |n| {
        Ok([n.1 as f32 + 0.5, if n.1 == 50 { calls.fetch_add(1, Ordering::Relaxed) as f32 } else { 0.5 }])
    });
    let late = late.build().unwrap();
    assert!(check_with(&late, &options, &()).passed());
    let report = check_with(&late, &options.samples(Samples::Every(10)), &());
    assert_eq!(failures(&report), ["BND-401 input_encoder::late training t50"]);
}

#[test]
fn ground_truth_in_an_input() {
    let with = |add: fn(&Number, &mut Vec<f32>)| {
        healthy().input("bad", move |n| {
            let mut pixels = image(n)?.flatten_all()?.to_vec1::<f32>()?;
            add(n, &mut pixels);
            Ok((pixels, [2, 8]))
        })
    };
    let leak = ["BND-402 input_encoder::bad training -"];
    assert_eq!(found(with(|_, _| ())), [""; 0], "the image as it is, with its black corner");
    assert_eq!(found(with(|n, pixels| pixels[9..11].copy_from_slice(&one_hot(n)))), leak, "word for word");
    let one = with(|n, pixels| pixels[12] = 0.25 + 0.5 * class(n) as f32);
    let told = report(one, &thorough());
    assert_eq!(failures(&told), leak, "one pixel by class");
    assert!(told.failures().next().unwrap().found.contains("at index [1, 4]"), "{told}");
    let hint = with(|n, pixels| pixels[12] = 0.5 * class(n) as f32 + (noise(n.1, 5) % 100) as f32 / 250.0);
    assert_eq!(found(hint), [""; 0], "a value that merely goes with the class");
    let bits = healthy().input("bits", |n| Ok([class(n) as f32, (noise(n.1, 7) % 2) as f32, 1.0]));
    let report = report(bits, &thorough());
    assert_eq!(failures(&report), [""; 0], "a bit may be a feature");
    assert!(report.not_judged.iter().any(|open| open.rule == Rule::Leak && open.function == "input_encoder::bits"));
    let regression = |leaks: bool| {
        healthy()
            .ground_truth("price", |n| Ok([noise(n.1, 3) as f32 / 1e18]))
            .input("facts", move |n| Ok([n.1 as f32, noise(n.1, if leaks { 3 } else { 4 }) as f32 / 1e18, 0.0]))
    };
    assert_eq!(found(regression(false)), [""; 0]);
    assert_eq!(found(regression(true)), ["BND-402 input_encoder::facts training -"]);
    let mask = |leaks: bool| {
        let mask = |n: &Number| -> Vec<f32> { (0..100).map(|k| (noise(n.1, k + 1000) % 2) as f32).collect() };
        healthy().ground_truth("mask", move |n| Ok((mask(n), [10, 10]))).input("layers", move |n| {
            let other = (0..100).map(|k| (noise(n.1, k + 500) % 99) as f32);
            let pixels = mask(n).into_iter().zip(other).flat_map(|(m, o)| [o, if leaks { m } else { 0.5 * o }]);
            Ok((pixels.collect(), [10, 10, 2]))
        })
    };
    assert_eq!(found(mask(false)), [""; 0]);
    assert_eq!(found(mask(true)), ["BND-402 input_encoder::layers training -"]);
}

#[test]
fn columns_that_never_change() {
    let bad = healthy().metadata("bad", |n| {
        Ok(Metadata::map([("a", MetadataValue::from(n.1 as f64)), ("b", 5i64.into()), ("c", "x".into())]))
    });
    let report = report(bad, &thorough());
    assert_eq!(failures(&report), ["BND-403 metadata::bad - -"]);
    let found = &report.findings[0].failure.found;
    assert_eq!(found, "bad_b = 5, bad_c = x on all of 128 samples (2 of 3 columns)");
    let late = healthy().metadata("late", |n| Ok(i64::from(*n == (Unlabeled, 4))));
    assert_eq!(super::found(late), [""; 0], "one sample of 128 is another");
}

#[test]
fn samples_that_take_long_to_load_are_warned_of() {
    let slow = |n: &Number| -> HandlerResult<()> {
        if *n == (Validation, 11) {
            std::thread::sleep(Duration::from_millis(250));
        }
        Ok(())
    };
    let builder = loading(vec![subset(Training, 3), subset(Validation, 20)], slow);
    let report = report(builder, &CheckOptions::default().samples(Samples::All).with(Rule::Slow));
    assert!(report.passed(), "a warning is no failure");
    let finding = report.findings.iter().find(|finding| finding.failure.sample.as_deref() == Some("v11")).unwrap();
    assert_eq!((finding.rule, finding.severity, finding.failure.code), (Rule::Slow, Severity::Warning, "BND-407"));
    assert!(report.not_judged.iter().any(|open| open.reason.contains("3 samples of training")));
    assert!(report.to_string().contains("warning: [BND-407] load on validation sample v11"), "{report}");
    assert_eq!(report.functions[0].kind, FunctionKind::Load);
}
