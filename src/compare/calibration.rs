use serde::Serialize;

use super::Contender;
use super::align::predictions;
use crate::Result;
use crate::contract::DataState;
use crate::metrics::{Bootstrap, ClassificationReport, Estimate, Predictions, Temperature};

/// Whether a contender's probabilities mean what they say, before and after [`Temperature`] scaling.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Calibration {
    /// As the contender gave them.
    pub before: Judged,
    /// Validation samples that the temperature was fitted on; 0 if there are none, or if they are the compared ones.
    pub fitted_on: usize,
    /// The temperature; none without validation samples, and where no temperature is best on them (see
    /// [`Temperature::fit`]).
    pub temperature: Option<Temperature>,
    /// With the temperature applied to the compared samples.
    pub after: Option<Judged>,
}

/// The three scores that judge probabilities; less is better. The log loss is the mean negative log likelihood.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Judged {
    /// As [`ClassificationReport::log_loss`].
    pub log_loss: Estimate,
    /// As [`ClassificationReport::brier`].
    pub brier: Estimate,
    /// As [`ClassificationReport::ece`].
    pub ece: Estimate,
}

impl Judged {
    const fn of(report: &ClassificationReport) -> Self {
        Self { log_loss: report.log_loss, brier: report.brier, ece: report.ece }
    }
}

impl Calibration {
    /// Fits on the contender's validation samples, unless those are the compared ones, and judges on the compared ones.
    pub(super) fn new(
        contender: &Contender,
        state: DataState,
        compared: &Predictions,
        report: &ClassificationReport,
        bootstrap: &Bootstrap,
    ) -> Result<Self> {
        let rows = contender.labelled(DataState::Validation);
        let fitted_on = if state == DataState::Validation { 0 } else { rows.len() };
        let temperature = if fitted_on > 0 { Temperature::fit(&predictions(contender, &rows)?) } else { None };
        let after = match temperature {
            Some(temperature) => {
                let scaled = temperature.apply(compared)?;
                Some(Judged::of(&ClassificationReport::new(&scaled, bootstrap)?))
            }
            None => None,
        };
        Ok(Self { before: Judged::of(report), fitted_on, temperature, after })
    }
}
