//! The tests that a binder is listed as.

use std::collections::BTreeSet;

use leap_binder::check::harness::{self, HarnessOptions};
use libtest_mimic::Arguments;

use super::*;

fn small() -> BinderBuilder<Numbers> {
    over(vec![subset(Training, 30), subset(Validation, 3)])
}

fn names(builder: BinderBuilder<Numbers>, options: &CheckOptions) -> Vec<String> {
    harness::trials(|| builder.build(), options).iter().map(|trial| trial.name().to_owned()).collect()
}

/// Runs each listed test by itself, as a filter would, and returns the names of those that fail.
fn failing(build: fn() -> BinderBuilder<Numbers>, options: &CheckOptions) -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let fails = |name: &String| {
        let arguments = ["leap_test", "--exact", "--logfile", log.to_str().unwrap(), name];
        libtest_mimic::run(&Arguments::from_iter(arguments), harness::trials(|| build().build(), options)).has_failed()
    };
    names(build(), options).into_iter().filter(fails).collect()
}

#[test]
fn one_test_for_each_sample_and_for_each_rule() {
    let options = CheckOptions::thorough().samples(Samples::Every(10));
    let listed = names(small(), &options);
    for name in [
        "load::training::t20",
        "input_encoder::image::validation::v0",
        "input_encoder::image::leak",
        "input_encoder::image::deterministic",
        "metadata::number::constant",
        "loss::entropy::loss",
        "loss::entropy::training::t10",
        "load::slow",
        "visualizer::picture::training::t0",
        "contract::verdict",
    ] {
        assert!(listed.iter().any(|listed| listed == name), "{name} in {listed:?}");
    }
    assert!(!listed.iter().any(|name| name.contains("t1::") || name.ends_with("t5")), "every tenth only");
    assert_eq!(listed.iter().collect::<BTreeSet<_>>().len(), listed.len());
    let first = names(small(), &CheckOptions::default());
    assert!(first.contains(&"load::training".to_owned()) && !first.iter().any(|name| name.starts_with("loss::")));
}

#[test]
fn beyond_a_thousand_samples_one_test_stands_for_the_rest() {
    let many = || {
        over(vec![subset(Training, 1203), subset(Validation, 2)])
            .input("late", |n| Ok([n.1 as f32 + 0.5, if n.1 == 1100 { f32::NAN } else { 0.5 }]))
    };
    let options = CheckOptions::default().samples(Samples::All).with(Rule::Finite);
    let late: Vec<String> =
        names(many(), &options).into_iter().filter(|name| name.contains("late::training")).collect();
    assert_eq!(late.len(), 1001);
    assert_eq!(late[999..], ["input_encoder::late::training::t999", "input_encoder::late::training"]);
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let arguments = ["leap_test", "--exact", "--logfile", log.to_str().unwrap(), "input_encoder::late::training"];
    let conclusion = libtest_mimic::run(&Arguments::from_iter(arguments), harness::trials(|| many().build(), &options));
    assert_eq!((conclusion.num_failed, conclusion.num_passed), (1, 0));
}

#[test]
fn a_broken_sample_and_a_broken_rule_fail_their_own_tests_alone() {
    fn broken() -> BinderBuilder<Numbers> {
        small()
            .input("bad", |n| Ok([n.1 as f32 + 0.5, if *n == (Training, 20) { f32::NAN } else { 0.5 }]))
            .metadata("same", |_| Ok("x"))
            .loss("mean", [ground_truth("class"), prediction("scores")], |[y, p]| Ok((y - p)?.sqr()?.mean_all()?))
    }
    let options = CheckOptions::thorough().samples(Samples::Every(10)).without(Rule::Slow);
    let expected = ["input_encoder::bad::training::t20", "loss::mean::loss", "metadata::same::constant"];
    assert_eq!(failing(broken, &options), expected.map(str::to_owned).into());
}

#[test]
fn ids_that_repeat_or_hold_line_ends_are_listed_in_one_line_each() {
    let builder = over(vec![Subset::new(Training, ["t1", "t1", "t2\n"]), subset(Validation, 1)]);
    let listed = names(builder, &CheckOptions::default().samples(Samples::All));
    let load = listed.iter().filter(|name| name.starts_with("load::training"));
    assert!(load.eq(["load::training::t1", "load::training::t1#2", "load::training::t2\\n"]));
}

#[test]
fn what_ran_is_written_as_junit() {
    let folder = tempfile::tempdir().unwrap();
    let (log, path) = (folder.path().join("log"), folder.path().join("deep/junit.xml"));
    let options = HarnessOptions { junit: Some(path.clone()), ..HarnessOptions::default() };
    let run = |filter: &str, more: &[&str]| {
        let arguments =
            ["leap_test", "--logfile", log.to_str().unwrap(), filter].into_iter().chain(more.iter().copied());
        let build = || small().metadata("bad", |_| -> HandlerResult<f64> { Err("gone".into()) }).build();
        harness::run_arguments(build, &options, &Arguments::from_iter(arguments))
    };
    let success = format!("{:?}", std::process::ExitCode::SUCCESS);
    assert_eq!(format!("{:?}", run("bad", &["--list"])), success);
    assert!(!path.exists(), "a list runs nothing");
    assert_ne!(format!("{:?}", run("metadata::bad", &[])), success);
    let xml = std::fs::read_to_string(&path).unwrap();
    assert!(xml.contains("tests=\"3\" failures=\"2\""), "{xml}");
    assert!(xml.contains("<testcase classname=\"metadata::bad\" name=\"training\" time=\""), "{xml}");
    assert!(xml.contains("type=\"BND-202\"") && !xml.contains("input_encoder"), "{xml}");
    assert_eq!(format!("{:?}", run("image", &[])), success);
}
