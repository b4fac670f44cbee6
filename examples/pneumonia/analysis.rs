//! Where the model fails and why: the last part of the job.

use std::path::PathBuf;

use leap_binder::Result;
use leap_binder::binder::Registry;
use leap_binder::check::CheckReport;
use leap_binder::evaluate::Evaluation;
use leap_binder::explain::{FaithfulnessOptions, Method, Randomised};
use leap_binder::model::Model;
use leap_binder::progress::Progress;
use leap_binder::report::{ReportSummary, Study, StudyOptions};

use crate::args::Args;

/// Sentences that are printed.
const TOP: usize = 5;

const TITLE: &str = "Chest X-rays: normal, bacterial or viral pneumonia";

const SOURCE: &str = "Kermany et al., doi:10.17632/rscbjbr9sj.2, CC BY 4.0; squashed to 224 x 224";

/// What the analysis gave.
#[derive(Debug)]
pub(crate) struct Analysis {
    pub(crate) page: ReportSummary,
    pub(crate) tables: Vec<PathBuf>,
    /// How many there are, and what the most severe say.
    pub(crate) total: usize,
    pub(crate) insights: Vec<String>,
}

/// Explores the evaluation, explains the X-rays that matter and writes the report. `untrained` is the model with random weights, against
/// which heat maps are held.
pub(crate) fn analyse(
    args: &Args,
    binder: &Registry,
    (model, untrained): (&dyn Model, &dyn Model),
    check: Option<&CheckReport>,
    evaluation: &Evaluation,
    progress: &dyn Progress,
) -> Result<Analysis> {
    let method = Method::grad_cam();
    let defaults = StudyOptions::seeded(args.seed);
    let tests = defaults.faithfulness.clone().map(|tests| FaithfulnessOptions {
        randomised: Some(Randomised { model: untrained, method: &method }),
        ..tests
    });
    let options = StudyOptions { pictures: args.pictures, method: method.clone(), faithfulness: tests, ..defaults };
    let mut study = Study::new(binder, model, evaluation, options, progress)?;
    if let Some(check) = check {
        study = study.check(check);
    }
    if args.shipped_data() {
        study.facts.insert(0, ("data".to_owned(), SOURCE.to_owned()));
    } else if !args.private {
        study.facts.insert(0, ("data".to_owned(), args.data().display().to_string()));
    }
    study.facts.push(("seed".to_owned(), args.seed.to_string()));
    let report = study.report(TITLE).private(args.private);
    let page = report.write(args.out.join("report.html"))?;
    let tables = report.write_tables(args.out.join("tables"))?;
    let insights = &study.exploration.insights;
    let said = insights.iter().take(TOP).map(|insight| format!("{}: {}", insight.kind, insight.sentence));
    Ok(Analysis { page, tables, total: insights.len(), insights: said.collect() })
}
