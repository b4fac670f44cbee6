//! Simulations.

use std::sync::atomic::{AtomicI64, Ordering};

use leap_binder::binder::BinderBuilder;
use leap_binder::check::check;
use leap_binder::contract::{Code, DataState, HandlerResult, SampleId, SimulationBounds, SimulationValue};
use serde_json::json;

use crate::support::{Calls, Data, Sample, plain, refused, says};
use crate::verdict::{Verdict, probe};

fn bounds() -> [(&'static str, SimulationBounds); 3] {
    [
        ("level", SimulationBounds::float(0.0, 3.0)),
        ("count", SimulationBounds::int(1, 4)),
        ("kind", SimulationBounds::categorical(["a", "b"])),
    ]
}

fn made(samples: usize, seed: u64) -> Vec<Sample> {
    let sample = |k| Sample { id: SampleId::from((seed * 10 + k) as i64), state: DataState::Additional };
    (0..samples as u64).map(sample).collect()
}

fn encoded(sample: &Sample) -> HandlerResult<[f32; 2]> {
    Ok(if sample.state == DataState::Additional { [sample.number() as f32; 2] } else { [0.0; 2] })
}

/// Same: SIM-001, SIM-002, SIM-003, SIM-004, SIM-005.
#[test]
fn c100_simulation_valid() {
    let case = "c100_simulation_valid";
    let calls = Calls::default();
    let noted = calls.clone();
    let binder = plain()
        .input("x", encoded)
        .simulation("noise", bounds(), move |arguments| {
            let values: Vec<_> = arguments.parameters.iter().map(|(_, value)| json!(value)).collect();
            noted.note(json!([values, [arguments.samples, arguments.seed as usize]]));
            Ok(made(arguments.samples, arguments.seed))
        })
        .build()
        .unwrap();
    Verdict::of(case).holds(&check(&binder));
    let probed = probe(case, "probe call");
    let (values, count) = probed.as_array().unwrap().split_at(3);
    assert_eq!(calls.all(), [json!([values, count]).to_string()]);

    let run = |samples, ids: Option<&[SampleId]>, partial| {
        let given = [("level", SimulationValue::Float(1.0)), ("kind", SimulationValue::Text("b".to_owned()))];
        binder.run_simulation("noise", &given, samples, 3, ids, partial)
    };
    let ids = [SampleId::from("syn0"), SampleId::from("syn1")];
    let simulated = run(2, Some(&ids), false).unwrap();
    assert_eq!(json!(simulated.sample_ids), probe(case, "run with ids"));
    assert_eq!(simulated.encoded[0].1.to_vec2::<f32>().unwrap(), [[30.0, 30.0], [31.0, 31.0]]);
    assert_eq!(json!(run(1, None, false).unwrap().sample_ids), json!([0]));
    says(run(2, Some(&["q".into()]), false), "does not match");
    let partial = run(2, Some(&["q".into()]), true).unwrap();
    assert_eq!(json!(partial.sample_ids), probe(case, "id count mismatch allowed"));
    says(run(1, Some(&[1.into()]), false), "type str");
    says(binder.run_simulation("nope", &[], 1, 0, None, false), "No simulation registered with name");
}

fn with(parameters: Vec<(&'static str, SimulationBounds)>) -> BinderBuilder<Data> {
    plain().simulation("s", parameters, |arguments| Ok(made(arguments.samples, arguments.seed)))
}

/// Same: SIM-010, SIM-011, SIM-016, SIM-017, SIM-020.
#[test]
fn c101_simulation_rules() {
    assert!(check(&plain().build().unwrap()).is_valid);
    let calls = Calls::default();
    let probes = [
        ("float", SimulationBounds::float(0.0, 1.0)),
        ("int midpoint truncates", SimulationBounds::int(1, 4)),
        ("int negative midpoint", SimulationBounds::int(-4, 1)),
        ("str", SimulationBounds::categorical(["b", "a"])),
    ];
    for (name, bounds) in probes {
        let noted = calls.clone();
        let builder = plain().simulation("s", [("p", bounds)], move |arguments| {
            noted.note(json!(arguments.get("p")));
            Ok(made(1, 0))
        });
        let setup = check(&builder.build().unwrap()).setup.unwrap();
        let recorded = probe("c101_simulation_rules", name);
        assert_eq!(calls.all().last().unwrap(), &recorded["probe"]["p"].to_string(), "{name}");
        assert_eq!(json!(setup.simulations[0].sim_config), recorded["config"], "{name}");
    }
    refused(with(vec![]), Code::SimulationRule, "at least one");
    refused(with(vec![("p", SimulationBounds::float(1.0, 1.0))]), Code::SimulationRule, "must be <");
    refused(with(vec![("p", SimulationBounds::int(2, 1))]), Code::SimulationRule, "must be <");
    let none = SimulationBounds::categorical(Vec::<String>::new());
    refused(with(vec![("p", none)]), Code::SimulationRule, "must not be empty");
    let twice = with(vec![("p", SimulationBounds::float(0.0, 1.0))]);
    let twice = twice.simulation("s", bounds(), |arguments| Ok(made(arguments.samples, 0)));
    refused(twice, Code::DuplicateName, "already exists");
}

/// Same: SIM-030. Each fails by itself; what Rust's types forbid (another result, groups) is left out.
#[test]
fn c102_simulations_that_fail() {
    static CALLS: AtomicI64 = AtomicI64::new(0);
    let parameter = || [("p", SimulationBounds::float(0.0, 1.0))];
    let binder = plain()
        .input("x", |sample| {
            // Only what `drifts` makes is encoded differently each time.
            let drift = if sample.number() == 77 { CALLS.fetch_add(1, Ordering::SeqCst) } else { 0 };
            Ok([drift as f32])
        })
        .simulation("raises", parameter(), |_| Err("no noise".into()))
        .simulation("empty", parameter(), |_| Ok(Vec::new()))
        .simulation("drifts", parameter(), |_| Ok(vec![Sample { id: 77.into(), state: DataState::Additional }]))
        .simulation("fine", parameter(), |arguments| Ok(made(arguments.samples, 0)))
        .build()
        .unwrap();
    let report = check(&binder);
    assert!(!report.is_valid && report.general_error.is_none());
    let payloads = &report.payloads[3..];
    assert_eq!(
        payloads.iter().map(|p| (&*p.name, p.is_passed)).collect::<Vec<_>>(),
        [("raises", false), ("empty", false), ("drifts", false), ("fine", true)]
    );
    for (payload, fragment) in payloads.iter().zip(["no noise", "length 0", "non-deterministic"]) {
        assert!(payload.display["Errors"].contains(fragment), "{payload:?}");
    }
    assert_eq!(report.setup.unwrap().simulations.len(), 4);
}
