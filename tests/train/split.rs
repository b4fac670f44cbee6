//! Splits by patient: no group on both sides, whatever is split, and audits that find those that are.

use std::collections::{BTreeMap, BTreeSet};

use leap_binder::Error;
use leap_binder::contract::{DataState, SampleId, Subset};
use leap_binder::evaluate::{SampleRow, SampleTable};
use leap_binder::pneumonia::{ChestXrays, Config, binder};
use leap_binder::train::{Audit, Cohort, Folds, SplitOptions};
use proptest::prelude::*;

use DataState::{Test, Training, Validation};

const CLASSES: [&str; 3] = ["NORMAL", "bacteria", "virus"];

/// A sample's number, class and group.
type Drawn = (i64, usize, Option<String>);

fn cohort(samples: &[Drawn]) -> Result<Cohort, Error> {
    Cohort::new(CLASSES, samples.iter().cloned().map(|(id, label, group)| ((Training, id), label, group)))
}

/// Samples of at least six groups to each class, and some of no group.
fn samples() -> impl Strategy<Value = Vec<Drawn>> {
    let group = (0usize..3, 0usize..3, 1usize..6, any::<bool>());
    prop::collection::vec(group, 0..25).prop_map(|drawn| {
        let sure = (0..18).map(|group| (group % 3, group % 3, 1 + group % 2, true));
        let mut samples = Vec::new();
        for (group, (first, other, size, named)) in sure.chain(drawn).enumerate() {
            for member in 0..size {
                let label = if member % 2 == 0 { first } else { other };
                samples.push((samples.len() as i64, label, named.then(|| format!("p{group}"))));
            }
        }
        samples
    })
}

fn number(id: &SampleId) -> i64 {
    match id {
        SampleId::Int(id) => *id,
        SampleId::Text(id) => panic!("{id} is none of the ids"),
    }
}

proptest! {
    #[test]
    fn no_group_stands_on_both_sides(drawn in samples(), seed in any::<u64>(), share in 0.05f64..0.5, stratified: bool) {
        let cohort = cohort(&drawn).unwrap();
        let options = SplitOptions { share, stratified, judging: None, seed };
        let split = cohort.split(&options).unwrap();
        prop_assert_eq!(&cohort.split(&options).unwrap(), &split);
        let [training, validation] = [&split.training, &split.validation].map(|part| {
            part.iter().map(|(_, id)| number(id)).collect::<BTreeSet<_>>()
        });
        prop_assert!(training.is_disjoint(&validation));
        prop_assert_eq!(training.len() + validation.len(), drawn.len());
        let groups = |part: &BTreeSet<i64>| -> BTreeSet<&str> {
            part.iter().filter_map(|&id| drawn[id as usize].2.as_deref()).collect()
        };
        prop_assert!(groups(&training).is_disjoint(&groups(&validation)));
        let classes = |part: &BTreeSet<i64>| part.iter().map(|&id| drawn[id as usize].1).collect::<BTreeSet<_>>();
        prop_assert_eq!(classes(&training).len(), 3);
        if stratified {
            prop_assert_eq!(classes(&validation).len(), 3);
        }

        let subsets = [(Training, &training), (Validation, &validation)]
            .map(|(state, part)| Subset::new(state, part.iter().copied()));
        let audit = Audit::of(&subsets, "their names", |_, id| drawn[number(id) as usize].2.clone());
        prop_assert!(audit.is_clean());
    }

    #[test]
    fn no_group_is_torn_between_folds(drawn in samples(), seed in any::<u64>(), count in 2usize..6) {
        let folds = Folds::stratified(&cohort(&drawn).unwrap(), count, seed).unwrap();
        let mut fold_of = BTreeMap::new();
        for (sample, (_, _, group)) in drawn.iter().enumerate() {
            if let Some(group) = group {
                prop_assert_eq!(*fold_of.entry(group).or_insert(folds.of()[sample]), folds.of()[sample]);
            }
        }
        for fold in 0..count {
            let (held, kept) = folds.parts(fold);
            prop_assert!(!held.is_empty());
            prop_assert_eq!(held.len() + kept.len(), drawn.len());
            prop_assert_eq!(kept.iter().map(|&sample| drawn[sample].1).collect::<BTreeSet<_>>().len(), 3);
        }
    }
}

#[test]
fn classes_keep_their_shares() {
    // Of each class 300, 600 and 100 samples of groups of one to three.
    let mut drawn = Vec::new();
    for (class, count) in [300, 600, 100].into_iter().enumerate() {
        for sample in 0..count {
            drawn.push((
                drawn.len() as i64,
                class,
                Some(format!("{class} {}", sample - sample % (1 + sample / 100 % 3))),
            ));
        }
    }
    let cohort = cohort(&drawn).unwrap();
    for seed in 0..5 {
        let split = cohort.split(&SplitOptions { share: 0.2, seed, ..SplitOptions::default() }).unwrap();
        let mut counts = [0; 3];
        split.validation.iter().for_each(|(_, id)| counts[drawn[number(id) as usize].1] += 1);
        for (count, wanted) in counts.into_iter().zip([60i32, 120, 20]) {
            assert!((count - wanted).abs() <= 1, "{counts:?} with seed {seed}");
        }
        let folds = Folds::stratified(&cohort, 5, seed).unwrap();
        for fold in 0..5 {
            let mut counts = [0; 3];
            folds.parts(fold).0.iter().for_each(|&sample| counts[drawn[sample].1] += 1);
            for (count, wanted) in counts.into_iter().zip([60i32, 120, 20]) {
                assert!((count - wanted).abs() <= 2, "{counts:?} in fold {fold} with seed {seed}");
            }
        }
    }
    let other = |seed| cohort.split(&SplitOptions { seed, ..SplitOptions::default() }).unwrap();
    assert_ne!(other(0), other(1));
}

#[test]
fn what_cannot_be_split_is_named() {
    let says = |result: Result<String, Error>, parts: &[&str]| {
        let message = result.unwrap_err().to_string();
        parts.iter().for_each(|part| assert!(message.contains(part), "no {part:?} in: {message}"));
    };
    let split = |drawn: &[Drawn], options: SplitOptions| {
        cohort(drawn).and_then(|cohort| cohort.split(&options)).map(|split| format!("{split:?}"))
    };
    let folds = |drawn: &[Drawn], count| {
        cohort(drawn).and_then(|cohort| Folds::stratified(&cohort, count, 0)).map(|folds| format!("{folds:?}"))
    };
    let named = |group: &str| Some(group.to_owned());
    // Class virus stands in one group only.
    let drawn: Vec<Drawn> = vec![
        (0, 0, named("a")),
        (1, 0, named("b")),
        (2, 1, named("c")),
        (3, 1, named("d")),
        (4, 2, named("e")),
        (5, 2, named(" e ")),
    ];
    says(split(&drawn, SplitOptions::default()), &["class virus in groups enough", "1 with it"]);
    says(folds(&drawn, 2), &["class virus", "all 2 of them"]);
    says(folds(&drawn, 6), &["6 groups or more", "5"]);
    says(folds(&drawn, 1), &["option folds", "1"]);
    split(&drawn, SplitOptions { stratified: false, ..SplitOptions::default() }).unwrap();
    for share in [0.0, 1.0, f64::NAN] {
        says(split(&drawn, SplitOptions { share, ..SplitOptions::default() }), &["option share"]);
    }
    let single = SplitOptions { stratified: false, ..SplitOptions::default() };
    says(split(&[(0, 0, None)], single), &["training can spare", "none"]);
    says(split(&[], single), &["one sample or more"]);
    says(split(&[(0, 3, None)], single), &["labels below 3", "3 for sample 0"]);
    says(split(&[(7, 0, None), (7, 1, None)], single), &["each sample once", "7 of training twice"]);
    says(Folds::new(vec![0, 0]).map(|folds| format!("{folds:?}")), &["two folds", "1"]);
    says(Folds::new(vec![0, 2]).map(|folds| format!("{folds:?}")), &["none in fold 1 of 3"]);
    says(Folds::new(vec![0, usize::MAX - 1]).map(|folds| format!("{folds:?}")), &["none in fold 1"]);
}

#[test]
fn an_audit_tells_what_stands_in_two_subsets() {
    let subsets = [Subset::new(Training, ["a1", "a2", "b1", "x"]), Subset::new(Test, ["a3", "c1"])];
    let group = |_: DataState, id: &SampleId| Some(id.to_string()[..1].to_owned()).filter(|group| group != "x");
    let audit = Audit::of(&subsets, "the first letter", group);
    assert!(!audit.is_clean());
    assert_eq!((audit.ungrouped, audit.shared.len()), (1, 1));
    let shared = &audit.shared[0];
    assert_eq!(shared.group, "a");
    assert_eq!(shared.samples, [(Training, vec!["a1".into(), "a2".into()]), (Test, vec!["a3".into()])]);
    let (groups, in_training, in_test) = audit.between(Training, Test);
    assert_eq!((groups, in_training, in_test), (vec![shared], 2, 1));
    assert_eq!(
        audit.to_string(),
        "groups are told by the first letter\ntraining: 4 samples of 2 groups\ntest: 2 samples of 2 groups\n\
         1 samples of no known group were not judged\n1 group stands in both training (2 samples) and test (1): a\n"
    );
    let json = serde_json::to_value(&audit).unwrap();
    assert_eq!(json["shared"][0]["samples"][1], serde_json::json!(["test", ["a3"]]));
}

/// The shipped sample by its files' names.
fn shipped() -> leap_binder::Binder<ChestXrays> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/sample");
    binder(ChestXrays::open(folder, Config { side: 32, ..Config::default() }).unwrap()).unwrap()
}

#[test]
fn the_shipped_sample_is_split_by_patient() {
    let binder = shipped();
    let audit = Audit::of_binder(&binder, "patient", "").unwrap();
    let names: BTreeMap<SampleId, String> =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/sample/index.csv"))
            .unwrap()
            .lines()
            .skip(1)
            .map(|line| line.split(',').collect::<Vec<_>>())
            .map(|cells| (cells[3].trim_start_matches("chest_xray/").into(), cells[2].to_owned()))
            .collect();
    // What the index says of the sample's patients is what the audit must find.
    let mut states: BTreeMap<&str, BTreeSet<DataState>> = BTreeMap::new();
    for subset in binder.subsets().unwrap() {
        for id in &subset.sample_ids {
            states.entry(&names[id]).or_default().insert(subset.state);
        }
    }
    let shared: Vec<&str> = states.iter().filter(|(_, states)| states.len() > 1).map(|(name, _)| *name).collect();
    assert_eq!(audit.shared.iter().map(|group| &*group.group).collect::<Vec<_>>(), shared);

    let cohort = Cohort::of_binder(&binder, &[Training, Validation], Some("patient")).unwrap();
    for seed in 0..10 {
        let split = cohort.split(&SplitOptions { seed, share: 0.2, ..SplitOptions::default() }).unwrap();
        let [training, validation] = [&split.training, &split.validation]
            .map(|part| part.iter().map(|(_, id)| &*names[id]).collect::<BTreeSet<&str>>());
        assert!(!validation.is_empty() && training.is_disjoint(&validation));
        assert_eq!(split.training.len() + split.validation.len(), cohort.len());
    }
    let unknown = Cohort::of_binder(&binder, &[Training], Some("hospital")).unwrap_err();
    assert!(unknown.to_string().contains("hospital"), "{unknown}");
    let absent = Cohort::of_binder(&binder, &[DataState::Unlabeled], None).unwrap_err();
    assert!(absent.to_string().contains("option subset"), "{absent}");
    let unknown = Audit::of_binder(&binder, "hospital", "").unwrap_err();
    assert!(unknown.to_string().contains("hospital"), "{unknown}");
}

#[test]
fn a_table_is_split_as_its_samples_are() {
    let mut table = SampleTable::new(CLASSES);
    table.attributes = vec!["patient".to_owned()];
    for sample in 0..30 {
        let mut row = SampleRow::new(sample, if sample < 24 { Training } else { Test }, vec![0.2, 0.3, 0.5]);
        row.attributes = vec![format!("p{}", sample / 2)];
        row.label = (sample % 7 != 6).then_some(sample as usize / 2 % 3);
        table.rows.push(row);
    }
    let cohort = Cohort::of_table(&table, &[Training], Some("patient")).unwrap();
    assert_eq!((cohort.len(), cohort.group_count()), (21, 12));
    let same = (0..24).filter(|sample| sample % 7 != 6);
    let same = same.map(|sample| ((Training, sample), sample as usize / 2 % 3, Some(format!("p{}", sample / 2))));
    assert_eq!(cohort, Cohort::new(CLASSES, same).unwrap());
    assert_eq!(Cohort::of_table(&table, &[Training], None).unwrap().group_count(), 21);
    let error = Cohort::of_table(&table, &[], Some("person")).unwrap_err().to_string();
    assert!(error.contains("option group") && error.contains("patient") && error.contains("person"), "{error}");
}

#[test]
fn a_subset_that_judges_goes_to_validation_with_all_its_groups() {
    // Sample 100 + i of validation is of group i; groups 0 and 1 have training samples too.
    let training = (0..60i64).map(|i| ((Training, i), (i % 3) as usize, Some(format!("{}", i / 2))));
    let judging = (0..6i64).map(|i| ((Validation, 100 + i), (i % 3) as usize, Some(format!("{}", 10 * i))));
    let cohort = Cohort::new(["a", "b", "c"], training.chain(judging)).unwrap();
    let options = SplitOptions { share: 0.3, judging: Some(Validation), ..SplitOptions::default() };
    let split = cohort.split(&options).unwrap();
    let ids: BTreeSet<i64> = split.validation.iter().map(|(_, id)| number(id)).collect();
    for i in 0..6 {
        assert!(ids.contains(&(100 + i)));
    }
    // Groups 0, 10 and 20 stand in both subsets: their training samples judge as well.
    for id in [0, 1, 20, 21, 40, 41] {
        assert!(ids.contains(&id), "{id} among {ids:?}");
    }
    assert!((17..=23).contains(&ids.len()), "{} of 66", ids.len());
    let all = Cohort::new(["a", "b"], [((Training, 0), 0, None::<String>), ((Validation, 1), 1, None)]).unwrap();
    let error = all.split(&options).unwrap_err().to_string();
    assert!(error.contains("class b outside the subset that judges"), "{error}");
}
