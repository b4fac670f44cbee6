//! Losses on stand-in predictions.

use candle_core::D;

use super::*;

type Compute = fn([&Tensor; 2]) -> HandlerResult<Tensor>;

fn with(compute: Compute) -> BinderBuilder<Numbers> {
    healthy().loss("bad", [ground_truth("class").named("y_true"), prediction("scores").named("y_pred")], compute)
}

fn told(compute: Compute) -> Vec<String> {
    failures(&report(with(compute), &CheckOptions::default().with(Rule::Loss)))
}

#[test]
fn mixes_samples() {
    let mean: Compute = |[y, p]| Ok((y - p)?.sqr()?.mean_all()?);
    assert_eq!(told(mean), ["BND-404 loss::bad training -"], "one number for the whole batch");
    let matrix: Compute = |[y, p]| Ok((y - p)?.sqr()?);
    assert_eq!(told(matrix), ["BND-211 loss::bad training -"], "a value for each class");
    let centred: Compute = |[y, p]| {
        let loss = (y - p)?.sqr()?.sum(D::Minus1)?;
        Ok(loss.broadcast_sub(&loss.mean_all()?)?)
    };
    assert_eq!(told(centred), ["BND-404 loss::bad training t0"], "the batch's mean is in each value");
    let reversed: Compute = |[y, p]| {
        let loss = builtin::mean_squared_error(y, p)?;
        let last = loss.dim(0)? as u32 - 1;
        let order: Vec<u32> = (0..=last).rev().collect();
        Ok(loss.index_select(&Tensor::new(order, &Device::Cpu)?, 0)?)
    };
    assert_eq!(told(reversed), ["BND-404 loss::bad training t0"], "in the wrong order");
}

#[test]
fn does_not_fall() {
    let sign: Compute = |[y, p]| Ok(builtin::categorical_crossentropy(y, p)?.neg()?);
    assert_eq!(told(sign), ["BND-405 loss::bad training t0"]);
    let constant: Compute = |[y, _]| Ok(y.sum(D::Minus1)?);
    assert_eq!(told(constant), ["BND-405 loss::bad training t0"]);
    let blind: Compute = |[y, p]| Ok((y.ones_like()?.narrow(1, 0, 1)?.squeeze(1)? - p.max(D::Minus1)?)?);
    let report = report(with(blind), &CheckOptions::default().with(Rule::Loss));
    assert_eq!(failures(&report), ["BND-405 loss::bad training t0"]);
    assert!(report.findings[0].failure.found.contains("close to another class"), "falls whichever class is right");
}

#[test]
fn fails_or_panics() {
    let fails: Compute = |_| Err("no such class".into());
    assert_eq!(told(fails), ["BND-202 loss::bad training -"]);
    let panics: Compute = |[y, _]| {
        assert!(y.dim(0)? == 1, "one at a time");
        Ok(y.sum(D::Minus1)?)
    };
    assert_eq!(told(panics), ["BND-203 loss::bad training -"]);
}

#[test]
fn healthy_losses_and_what_cannot_be_told() {
    let healthy: [Compute; 4] = [
        |[y, p]| builtin::mean_squared_error(y, p),
        |[y, p]| builtin::mean_absolute_error(y, p),
        |[y, p]| builtin::binary_crossentropy(y, p),
        |[y, p]| Ok((builtin::categorical_crossentropy(y, p)? * 1e3)?),
    ];
    for compute in healthy {
        assert_eq!(told(compute), [""; 0]);
    }
    let labels = super::healthy()
        .ground_truth("tags", |n| Ok([n.1 as f32 % 2.0, 1.0, 1.0]))
        .prediction("tag_scores", ["a", "b", "c"])
        .loss("tags", [ground_truth("tags"), prediction("tag_scores")], |[y, p]| builtin::binary_crossentropy(y, p));
    assert_eq!(failures(&report(labels, &CheckOptions::default().with(Rule::Loss))), [""; 0], "independent labels");
    let other = super::healthy().loss("bright", [input("image")], |[xs]| Ok(xs.mean((1, 2, 3))?));
    let report = report(other, &CheckOptions::default().with(Rule::Loss));
    assert!(report.passed());
    let [open] = &report.not_judged[..] else { panic!("{:?}", report.not_judged) };
    assert_eq!((open.rule, &*open.function), (Rule::Loss, "loss::bright"));
    assert!(open.reason.contains("does not read one ground truth and one prediction"), "{}", open.reason);
}
