//! What the options ask for beyond code_loader's verdict, in order: ids, samples, then the rules over several samples.

use super::finding::{Judged, Severity};
use super::function::{Function, FunctionKind};
use super::options::CheckOptions;
use super::report::{CheckReport, FunctionReport};
use super::rules::{Rule, constant, deterministic, duplicates, leak, loss, slow};
use super::session::{Ran, Session};
use crate::binder::{Prepared, Registry};
use crate::contract::Violation;
use crate::progress::Progress;

pub(super) fn extend(
    report: &mut CheckReport,
    registry: &Registry,
    prepared: Result<Prepared, Violation>,
    options: &CheckOptions,
    progress: &dyn Progress,
) {
    report.options = *options;
    if !options.goes_beyond() || (options.fail_fast && !report.is_valid) {
        return;
    }
    let session = Session::start(registry, prepared, options);
    report.preprocess_failures.clone_from(&session.preprocess_failures);
    let mut judged = session.ids();
    if !session.stops(&judged) {
        let functions: Vec<&Function> = session.functions.iter().filter(|function| session.wants(function)).collect();
        let (ran, samples) = session.samples(&functions, progress);
        judged.extend(samples);
        let stopped = options.fail_fast && ran.iter().any(Ran::has_failed);
        if !stopped && !session.stops(&judged) {
            judged.extend(session.rules(progress));
        }
        report.functions = session.reports(&functions, ran);
    }
    report.findings = judged.findings;
    report.not_judged = judged.not_judged;
}

impl Session<'_> {
    /// Rules about sample ids.
    pub(super) fn ids(&self) -> Judged {
        if self.options.rules.has(Rule::Duplicates) { duplicates::judge(&self.subsets) } else { Judged::default() }
    }

    fn stops(&self, judged: &Judged) -> bool {
        self.options.fail_fast && judged.findings.iter().any(|finding| finding.severity == Severity::Failure)
    }

    /// Runs functions on the chosen samples of every subset, or up to the first failure, and judges what the runs show of
    /// several samples together.
    pub(super) fn samples(&self, functions: &[&Function], progress: &dyn Progress) -> (Vec<Ran>, Judged) {
        let (mut all, mut judged): (Vec<Ran>, _) = (Vec::new(), Judged::default());
        for subset in &self.subsets {
            let places = self.options.samples.of(subset.len());
            progress.begin(&format!("check {}", subset.state), places.len());
            let ran = self.run(functions, subset, &places, progress);
            progress.end();
            if self.options.rules.has(Rule::Slow) {
                judged.extend(slow::judge(subset, &places, &ran.seconds));
            }
            let failed = ran.has_failed();
            all.push(ran);
            if failed && self.options.fail_fast {
                return (all, judged);
            }
        }
        if self.options.rules.has(Rule::Constant) {
            for (place, function) in functions.iter().enumerate() {
                if function.kind == FunctionKind::Metadata {
                    judged.extend(constant::judge(function, all.iter().map(|ran| &ran.tallies[place])));
                }
            }
        }
        (all, judged)
    }

    /// The rules that load samples of their own, on all functions.
    fn rules(&self, progress: &dyn Progress) -> Judged {
        let asked =
            [Rule::Deterministic, Rule::Leak, Rule::Loss].into_iter().filter(|rule| self.options.rules.has(*rule));
        let asked: Vec<Rule> = asked.collect();
        let mut judged = Judged::default();
        if asked.is_empty() || self.subsets.is_empty() {
            return judged;
        }
        progress.begin("check rules", asked.len());
        let functions: Vec<&Function> = self.functions.iter().collect();
        for rule in asked {
            judged.extend(self.judge(rule, &functions));
            progress.advance(1);
            if self.stops(&judged) {
                break;
            }
        }
        progress.end();
        judged
    }

    /// One of the rules that load samples of their own, on those of `functions` that it concerns.
    pub(super) fn judge(&self, rule: Rule, functions: &[&Function]) -> Judged {
        let mut judged = Judged::default();
        match rule {
            Rule::Deterministic => {
                for subset in &self.subsets {
                    judged.extend(deterministic::judge(self, functions, subset));
                }
            }
            Rule::Leak => judged.extend(leak::judge(self, functions)),
            Rule::Loss => {
                for function in functions.iter().filter(|function| function.kind == FunctionKind::Loss) {
                    judged.extend(loss::judge(self, function));
                }
            }
            _ => {}
        }
        judged
    }

    /// One report for each function; subsets that were not reached are left out.
    fn reports(&self, functions: &[&Function], all: Vec<Ran>) -> Vec<FunctionReport> {
        let mut reports: Vec<FunctionReport> =
            functions.iter().map(|function| FunctionReport::new(function.kind, &function.name)).collect();
        for (ran, subset) in all.into_iter().zip(&self.subsets) {
            for ((report, function), tally) in reports.iter_mut().zip(functions).zip(ran.tallies) {
                report.subsets.push(tally.report(function, subset.state));
            }
        }
        reports
    }
}
