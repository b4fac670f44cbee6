use super::Predictions;
use crate::{Error, Result};

/// Refuses two models that were not asked about the same samples of the same classes.
pub(crate) fn check_paired(first: &Predictions, second: &Predictions) -> Result<()> {
    let refuse = |subject: &str, left: String, right: String| {
        let (left, right) = (format!("the first has {left}"), format!("the second has {right}"));
        Err(Error::Mismatch { subject: subject.to_owned(), left, right })
    };
    if first.labels() != second.labels() {
        return refuse("classes", format!("{:?}", first.labels()), format!("{:?}", second.labels()));
    }
    let (a, b) = (first.y_true(), second.y_true());
    if a.len() != b.len() {
        return refuse("numbers of samples", a.len().to_string(), b.len().to_string());
    }
    match a.iter().zip(b).position(|(a, b)| a != b) {
        Some(sample) => {
            let class = |of: &Predictions| format!("{:?} at sample {sample}", of.labels()[of.y_true()[sample]]);
            refuse("true classes", class(first), class(second))
        }
        None => Ok(()),
    }
}

/// For each class whether it is one of `positive`, which names some classes, but not all, each once.
pub(super) fn check_positive(function: &'static str, labels: &[String], positive: &[&str]) -> Result<Vec<bool>> {
    let expected = || format!("some of the classes {labels:?}, but not all, each once");
    let refuse = |found: String| Err(Error::argument(function, expected(), found));
    if let Some(stranger) = positive.iter().find(|name| !labels.iter().any(|label| label == **name)) {
        return refuse(format!("{stranger:?}"));
    }
    let chosen: Vec<bool> = labels.iter().map(|label| positive.contains(&label.as_str())).collect();
    let distinct = chosen.iter().filter(|chosen| **chosen).count();
    if distinct != positive.len() || distinct == 0 || distinct == labels.len() {
        return refuse(format!("{positive:?}"));
    }
    Ok(chosen)
}
