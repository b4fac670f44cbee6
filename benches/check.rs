//! What the check costs beside the binder's own functions: 100,000 samples of a cheap encoder, checked, and the same
//! closures in a bare loop. The difference by 100,000 is the overhead for each sample; `RAYON_NUM_THREADS=1` gives it for
//! one core.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use candle_core::{Device, Tensor};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use leap_binder::Binder;
use leap_binder::check::{CheckOptions, Rule, Samples, check_with};
use leap_binder::contract::{DataState, Dataset, HandlerResult, SampleId, Subset};

const COUNT: i64 = 100_000;

struct Numbers;

impl Dataset for Numbers {
    type Sample = i64;

    fn preprocess(&self) -> HandlerResult<Vec<Subset>> {
        Ok(vec![Subset::new(DataState::Training, 0..COUNT - 1), Subset::new(DataState::Validation, 0..1)])
    }

    fn load(&self, id: &SampleId, _: DataState) -> HandlerResult<i64> {
        let SampleId::Int(number) = id else { return Err("an integer id was expected".into()) };
        Ok(*number)
    }
}

fn encode(number: &i64) -> HandlerResult<Tensor> {
    let values: Vec<f32> = (0..16).map(|place| (number * place % 251) as f32 / 255.0).collect();
    Ok(Tensor::from_vec(values, (4, 4, 1), &Device::Cpu)?)
}

fn class(number: &i64) -> HandlerResult<[f32; 2]> {
    Ok(if number % 2 == 0 { [1.0, 0.0] } else { [0.0, 1.0] })
}

fn parity(number: &i64) -> HandlerResult<i64> {
    Ok(number % 2)
}

fn bare() {
    for subset in Numbers.preprocess().unwrap() {
        for id in &subset.sample_ids {
            let number = Numbers.load(id, subset.state).unwrap();
            black_box(encode(&number).unwrap());
            black_box(Tensor::new(&class(&number).unwrap(), &Device::Cpu).unwrap());
            black_box(parity(&number).unwrap());
        }
    }
}

fn check(c: &mut Criterion) {
    let binder = Binder::builder(Numbers)
        .input("image", encode)
        .ground_truth("class", class)
        .metadata("parity", parity)
        .build()
        .unwrap();
    let mut group = c.benchmark_group("100,000 samples");
    group.sample_size(10).throughput(Throughput::Elements(COUNT as u64));
    group.bench_function("bare loop", |b| b.iter(bare));
    let all = CheckOptions::default().samples(Samples::All);
    let options = [
        ("checked, no rules", all),
        ("checked, dtype shape finite", all.with(Rule::Dtype).with(Rule::Shape).with(Rule::Finite)),
        ("checked, every rule", CheckOptions::thorough()),
    ];
    for (name, options) in options {
        group.bench_function(name, |b| b.iter(|| black_box(check_with(&binder, &options, &()))));
    }
}

criterion_group!(benches, check);
criterion_main!(benches);
