//! Custom latent spaces.

use leap_binder::Binder;
use leap_binder::binder::BinderBuilder;
use leap_binder::check::{check, check_build};
use leap_binder::contract::{
    Code, ComputedAt, DataState, LatentSpaceOptions, LatentSpaceReduction, Subset, argument, ground_truth,
};
use serde_json::json;

use crate::support::{Data, Sample, filled, over, plain, refused, split, train_val, zeros};
use crate::verdict::{Verdict, probe};

type Options = LatentSpaceOptions;

fn space(builder: BinderBuilder<Data>, name: &str, options: Options) -> BinderBuilder<Data> {
    builder.latent_space(name, options, |_: &Sample| Ok([0.0, 0.0]))
}

/// Same: CLS-001, CLS-002, CLS-003, CLS-004.
#[test]
fn c090_latent_space_valid() {
    let case = "c090_latent_space_valid";
    let pooled = Options::default().for_analysis().reduce(LatentSpaceReduction::MeanPool { channel_axis: 0 });
    let projected = Options::default().reduce(LatentSpaceReduction::RandomProjection { n_components: 8 });
    let binder = plain()
        .latent_space("by_function_name", Options::default(), |sample| Ok(filled(&[4], sample.number() as f32)))
        .latent_space("named", pooled, |_| Ok(zeros(&[3, 5])))
        .model_latent_space("model_side", projected, [argument("emb"), argument("pred")], |[emb, pred], _| {
            Ok(candle_core::Tensor::cat(&[emb, pred], 1)?)
        })
        .latent_space("custom_latent_space", Options::default(), |_| Ok([0.0, 0.0]))
        .build()
        .unwrap();
    Verdict::of(case).holds(&check(&binder));

    let spaces = binder.latent_spaces();
    assert_eq!(json!(spaces.iter().map(|space| &space.name).collect::<Vec<_>>()), probe(case, "names"));
    let analysed: Vec<_> = spaces.iter().filter(|space| space.options.use_for_analysis).collect();
    assert_eq!(json!(analysed[0].name), probe(case, "for analysis"));
    let recorded = probe(case, "specs");
    for space in spaces {
        let spec = &recorded[&space.name];
        assert_eq!(json!(space.computed_at), spec["computed_at"], "{}", space.name);
        assert_eq!(json!(space.arguments.iter().map(|a| &a.name).collect::<Vec<_>>()), spec["arg_names"]);
        match space.options.reduce {
            None => assert!(spec["reduce"].is_null()),
            Some(LatentSpaceReduction::MeanPool { channel_axis }) => {
                assert_eq!((&spec["reduce"], &spec["channel_axis"]), (&json!("MEAN_POOL"), &json!(channel_axis)));
            }
            Some(LatentSpaceReduction::RandomProjection { n_components }) => {
                let expected = (&json!("RANDOM_PROJECTION"), &json!(n_components));
                assert_eq!((&spec["reduce"], &spec["n_components"]), expected);
            }
        }
    }
    let sample = binder.get_sample(DataState::Training, &"s2".into()).unwrap();
    let recorded = probe(case, "sample carries the dataset ones only");
    assert_eq!(sample.latent_spaces.len(), recorded.as_object().unwrap().len());
    for (name, xs) in &sample.latent_spaces {
        assert_eq!(json!(xs.dims()), recorded[name]["shape"], "{name}");
    }
    let first = sample.latent_spaces[0].1.to_vec1::<f32>().unwrap();
    assert_eq!(json!(first), recorded["by_function_name"]["data"]);
}

/// Same: CLS-005.
#[test]
fn c091_latent_space_limit() {
    let spaces = |count| (0..count).fold(plain(), |builder, k| space(builder, &format!("ls{k}"), Options::default()));
    assert!(spaces(10).build().is_ok());
    let report = check_build(|| spaces(11).build());
    Verdict::of("c091_latent_space_limit").general("at most 10 custom latent spaces").holds(&report);
}

/// Same: CLS-020, CLS-023, CLS-026, CLS-027, CLS-028.
#[test]
fn c092_latent_space_rules() {
    assert!(check(&plain().build().unwrap()).is_valid);
    let nothing = plain().model_latent_space("u8", Options::default(), [], |[], _| Ok([0.0]));
    refused(nothing, Code::LatentSpaceRule, "at least one");
    let none = Options::default().reduce(LatentSpaceReduction::RandomProjection { n_components: 0 });
    refused(space(plain(), "d1", none), Code::LatentSpaceRule, "positive int");
    let twice = space(space(plain(), "dup", Options::default()), "dup", Options::default());
    refused(twice, Code::DuplicateName, "already registered");
    let analysis = Options::default().for_analysis();
    let twice = space(space(plain(), "an1", analysis), "an2", analysis);
    refused(twice, Code::LatentSpaceRule, "already set");
    // A space of instances takes no options, so the flag is off.
    let binder = plain().instance_latent_space("inst", |_, _| Ok([1.0])).build().unwrap();
    let inst = &binder.latent_spaces()[0];
    assert!(inst.instance_aware && !inst.options.use_for_analysis && inst.computed_at == ComputedAt::Dataset);
}

/// Same: CLS-050.
#[test]
fn c094_model_latent_space_grouped() {
    let grouped = |state, id| Subset::grouped(state, [[id]]).unwrap();
    let data = Data::of(vec![grouped(DataState::Training, "a"), grouped(DataState::Validation, "b")]);
    let builder = Binder::builder(data);
    let binder = builder.model_latent_space("m", Options::default(), [argument("a")], |[a], _| Ok(a.clone()));
    let verdict = Verdict::of("c094_model_latent_space_grouped");
    let verdict = verdict.display("model_custom_latent_space", "Errors", "grouped preprocess response");
    verdict.holds(&check(&binder.build().unwrap()));
}

/// Same: CLS-051.
#[test]
fn c095_instance_latent_space_requirements() {
    let both = || {
        let builder = plain().instance_latent_space("i", |_, _| Ok([0.0, 0.0]));
        builder.model_latent_space("m", Options::default(), [argument("a")], |[a], _| Ok(a.clone())).build().unwrap()
    };
    for message in ["instances_masks_encoder", "tensorleap_element_instance_preprocess"] {
        let verdict = Verdict::of("c095_instance_latent_space_requirements");
        verdict.display("instance_custom_latent_space", "Errors", message).holds(&check(&both()));
    }
}

/// Same: CHK-017.
#[test]
fn c193_latent_space_reads_a_truth_and_there_are_unlabeled_samples() {
    let build = |data: Data| {
        let builder = over(data).ground_truth("y", |_| Ok([0.0]));
        builder
            .model_latent_space("m", Options::default(), [ground_truth("y")], |[y], _| Ok(y.clone()))
            .build()
            .unwrap()
    };
    let report = check(&build(Data::of(train_val()).with_unlabeled(|| Ok(Some(split(DataState::Unlabeled, 2, 200))))));
    assert!(report.is_valid, "{report}");
    let payload = &report.payloads[2];
    assert!(payload.name == "model_custom_latent_space" && payload.is_passed);
    assert!(payload.display.keys().eq(["Warnings"]) && payload.display["Warnings"].contains("\"m\""), "{payload:?}");
    assert!(check(&build(Data::of(train_val()))).payloads[2].display.is_empty());
}
