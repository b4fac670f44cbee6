//! What is asked for: samples, rules, stopping; and that the report says so and depends on nothing else.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use leap_binder::check::RuleSet;
use leap_binder::contract::HandlerResult;
use leap_binder::progress::Progress;
use serde_json::json;

use super::*;

/// Every tenth sample of training and every one of validation from the fifth on is broken.
fn broken() -> BinderBuilder<Numbers> {
    healthy().input("bad", |n| -> HandlerResult<[f32; 2]> {
        let bad = (n.0 == Training && n.1 % 10 == 7) || (n.0 == Validation && n.1 >= 5);
        Ok([n.1 as f32 + 0.5, if bad { f32::NAN } else { 0.5 }])
    })
}

fn finite(samples: Samples) -> CheckOptions {
    CheckOptions::default().samples(samples).with(Rule::Finite)
}

#[test]
fn nothing_is_judged_unless_asked_for() {
    let plain = report(broken(), &CheckOptions::default());
    assert!(plain.passed() && plain.findings.is_empty() && plain.not_judged.is_empty());
    assert_eq!(
        serde_json::to_value(&plain).unwrap()["options"],
        json!({"samples": "first", "rules": [], "fail_fast": false, "platform": false})
    );
    let few = finite(Samples::Every(7)).fail_fast();
    let report = report(broken(), &few);
    assert_eq!(report.options, few);
    let value = serde_json::to_value(&report).unwrap();
    assert_eq!(
        value["options"],
        json!({"samples": {"every": 7}, "rules": ["finite"], "fail_fast": true, "platform": false})
    );
    assert!(report.to_string().contains("rules beyond code_loader's: finite; stops at the first failure"), "{report}");
}

#[test]
fn rules_have_names() {
    for rule in Rule::ALL {
        assert_eq!(rule.as_str().parse::<Rule>().unwrap(), rule);
        assert!(RuleSet::ALL.has(rule) && !RuleSet::NONE.has(rule) && !RuleSet::ALL.without(rule).has(rule));
    }
    assert_eq!(RuleSet::from_iter(Rule::ALL), RuleSet::ALL);
    assert!("blcak".parse::<Rule>().unwrap_err().to_string().contains("black"));
}

#[test]
fn samples_are_chosen_and_failures_counted() {
    let counts = |samples| {
        let report = report(broken(), &finite(samples));
        let bad = report.functions.iter().find(|function| function.name == "bad").unwrap();
        bad.subsets.iter().map(|subset| (subset.samples, subset.failed_samples)).collect::<Vec<_>>()
    };
    assert_eq!(counts(Samples::First), [(1, 0), (1, 0), (1, 0), (1, 0)]);
    assert_eq!(counts(Samples::Every(7)), [(15, 2), (3, 2), (1, 0), (1, 0)]);
    assert_eq!(counts(Samples::Every(0)), counts(Samples::All));
    assert_eq!(counts(Samples::All), [(100, 10), (20, 15), (3, 0), (5, 0)]);
}

#[test]
fn failing_fast_stops_at_the_first_in_sample_order_whatever_the_threads() {
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| report(broken(), &thorough().fail_fast()))
    };
    let first = run(1);
    assert_eq!(failures(&first), ["BND-206 input_encoder::bad training t7"]);
    let load = &first.functions[0];
    assert_eq!((load.subsets.len(), load.subsets[0].samples), (1, 8), "nothing after it ran");
    for threads in [2, 4, 8] {
        assert_eq!(serde_json::to_string(&run(threads)).unwrap(), serde_json::to_string(&first).unwrap());
    }
    let twice = over(vec![subset(Training, 2), Subset::new(Validation, ["v1", "v1"])]);
    let report = report(twice, &thorough().fail_fast());
    assert_eq!(failures(&report), ["BND-107 preprocess validation v1"]);
}

#[test]
fn the_report_does_not_depend_on_threads() {
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| serde_json::to_string(&report(broken(), &thorough())).unwrap())
    };
    assert_eq!(run(1), run(4));
}

#[derive(Default)]
struct Steps(Mutex<Vec<(String, usize)>>, AtomicUsize);

impl Progress for Steps {
    fn begin(&self, stage: &str, total: usize) {
        self.0.lock().unwrap().push((stage.to_owned(), total));
    }

    fn advance(&self, steps: usize) {
        self.1.fetch_add(steps, Ordering::Relaxed);
    }

    fn end(&self) {}
}

#[test]
fn progress_reaches_its_totals() {
    let steps = Steps::default();
    check_with(&healthy().build().unwrap(), &thorough(), &steps);
    let stages = steps.0.into_inner().unwrap();
    let expected = [
        ("check training", 100),
        ("check validation", 20),
        ("check test", 3),
        ("check unlabeled", 5),
        ("check rules", 3),
    ];
    assert!(stages.iter().map(|(stage, total)| (&**stage, *total)).eq(expected), "{stages:?}");
    assert_eq!(steps.1.into_inner(), stages.iter().map(|(_, total)| *total).sum::<usize>());
}

/// Samples that only groups can load.
struct Grouped;

impl Dataset for Grouped {
    type Sample = u64;

    fn preprocess(&self) -> HandlerResult<Vec<Subset>> {
        let groups = |state, start: i64| Subset::grouped(state, [start..start + 5, start + 5..start + 12]);
        Ok(vec![groups(Training, 0)?, groups(Validation, 100)?])
    }

    fn load(&self, _: &SampleId, _: DataState) -> HandlerResult<u64> {
        Err("only in groups".into())
    }

    fn load_group(&self, ids: &[SampleId], _: DataState) -> HandlerResult<Vec<u64>> {
        if ids.contains(&108.into()) {
            return Err("the second file is torn".into());
        }
        let first: i64 = ids[0].to_string().parse()?;
        let same = |id: &SampleId| id.to_string().parse::<i64>().is_ok_and(|id| (id % 100 < 5) == (first % 100 < 5));
        assert!(ids.iter().all(same), "samples of two groups");
        ids.iter().map(|id| Ok(id.to_string().parse()?)).collect()
    }
}

#[test]
fn groups_are_loaded_together_and_blamed_sample_by_sample() {
    let binder = Binder::builder(Grouped).input("x", |n| Ok([*n as f32])).build().unwrap();
    let report = check_with(&binder, &finite(Samples::All), &());
    let load = &report.functions[0];
    assert_eq!((load.subsets[0].samples, load.subsets[0].failed_samples), (12, 0));
    assert_eq!((load.subsets[1].samples, load.subsets[1].failed_samples), (12, 1), "one chunk for each sample");
    assert_eq!(failures(&report), ["BND-201 load validation 108"]);
}

/// Counts the samples that are in memory.
struct Counted;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

impl Counted {
    fn new() -> Self {
        MOST.fetch_max(LIVE.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Counting;

impl Dataset for Counting {
    type Sample = Counted;

    fn preprocess(&self) -> HandlerResult<Vec<Subset>> {
        Ok(vec![Subset::new(Training, 0..100_000), Subset::new(Validation, 0..2)])
    }

    fn load(&self, _: &SampleId, _: DataState) -> HandlerResult<Counted> {
        Ok(Counted::new())
    }
}

/// Counts how often it is listed.
struct Listed(Arc<AtomicUsize>);

impl Dataset for Listed {
    type Sample = ();

    fn preprocess(&self) -> HandlerResult<Vec<Subset>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(vec![Subset::new(Training, 0..3), Subset::new(Validation, 3..5)])
    }

    fn load(&self, _: &SampleId, _: DataState) -> HandlerResult<()> {
        Ok(())
    }
}

#[test]
fn preprocess_runs_once_for_all_that_is_asked() {
    let count = Arc::new(AtomicUsize::new(0));
    let binder = Binder::builder(Listed(Arc::clone(&count)))
        .input("x", |()| Ok([0.5]))
        .integration_test(|flow| flow.input("x").map(drop))
        .build()
        .unwrap();
    assert!(check_with(&binder, &thorough(), &()).is_valid);
    assert_eq!(count.swap(0, Ordering::SeqCst), 1);
    assert!(binder.integration_test(Training, 0).passed());
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn no_more_samples_are_in_memory_than_threads_work_on() {
    let binder = Binder::builder(Counting)
        .input("x", |_| Ok([0.5]))
        .ground_truth("y", |_| Ok([1.0]))
        .metadata("m", |_| Ok(1.0))
        .build()
        .unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
    let report = pool.install(|| check_with(&binder, &thorough(), &()));
    assert_eq!(report.functions[0].subsets[0].samples, 100_000);
    // Two at a time where a sample is loaded twice, and one for each subset in code_loader's own check.
    let most = MOST.load(Ordering::SeqCst);
    assert!((1..=8).contains(&most), "{most} at a time");
}
