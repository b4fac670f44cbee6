use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Arc, OnceLock};

use libtest_mimic::Trial;

use super::record::{Listing, Recorder, Verdict};
use crate::binder::{Binder, Registry};
use crate::check::finding::{Judged, Severity};
use crate::check::function::{Function, FunctionKind};
use crate::check::observation::Failure;
use crate::check::options::{CheckOptions, Samples};
use crate::check::report::{CheckReport, Status};
use crate::check::rules::Rule;
use crate::check::session::Session;
use crate::contract::{ComputedAt, Dataset};

/// Samples of a function and subset that are tests of their own.
const SAMPLES: usize = 1000;

/// A binder under test, shared by its tests.
struct Subject {
    session: Session<'static>,
    /// code_loader's check; run when the first test asks for it.
    contract: OnceLock<CheckReport>,
}

impl Subject {
    fn contract(&self) -> &CheckReport {
        self.contract.get_or_init(|| crate::check::check(self.session.registry))
    }
}

pub(super) fn all<D: Dataset, E: Display>(
    build: impl FnOnce() -> Result<Binder<D>, E>,
    options: &CheckOptions,
    recorder: Option<&Recorder>,
) -> Vec<Trial> {
    let mut listing = Listing::new(recorder);
    let binder: &'static Registry = match build() {
        Ok(binder) => Box::leak(Box::new(binder)),
        Err(error) => {
            let message = error.to_string();
            listing.add("binder", "", move || Verdict::Failed(message));
            return listing.trials;
        }
    };
    listing.add("binder", "", || Verdict::Passed);
    let subject =
        Arc::new(Subject { session: Session::start(binder, binder.prepare(), options), contract: OnceLock::new() });
    list_preprocess(&mut listing, &subject);
    list_contract(&mut listing, &subject);
    for place in 0..subject.session.functions.len() {
        if subject.session.wants(&subject.session.functions[place]) {
            list_function(&mut listing, &subject, place);
        }
        list_rules(&mut listing, &subject, place);
    }
    listing.trials
}

fn list_preprocess(listing: &mut Listing<'_>, subject: &Arc<Subject>) {
    let shared = Arc::clone(subject);
    listing.add("preprocess", "", move || verdict(&shared.session.preprocess_failures));
    if subject.session.options.rules.has(Rule::Duplicates) {
        let shared = Arc::clone(subject);
        listing.add("preprocess", "duplicates", move || judged(&shared.session.ids()));
    }
}

/// What only code_loader's check looks at, and its verdict.
fn list_contract(listing: &mut Listing<'_>, subject: &Arc<Subject>) {
    let registry = subject.session.registry;
    let mut payloads: Vec<&str> = Vec::new();
    if registry.integration_test.is_some() {
        payloads.push("integration_test");
    }
    if registry.latent_spaces.iter().any(|space| space.instance_aware) {
        payloads.push("instance_custom_latent_space");
    }
    if registry.latent_spaces.iter().any(|space| space.computed_at == ComputedAt::Model) {
        payloads.push("model_custom_latent_space");
    }
    payloads.extend(registry.simulations.iter().map(|simulation| &*simulation.name));
    if registry.autoregressive.is_some() {
        payloads.push("autoregressive_step");
    }
    payloads.extend(registry.false_positives.iter().map(|encoder| &*encoder.name));
    for name in payloads {
        let shared = Arc::clone(subject);
        listing.add("contract", name, move || payload(shared.contract(), name));
    }
    let shared = Arc::clone(subject);
    listing.add("contract", "setup", move || match &shared.contract().general_error {
        None => Verdict::Passed,
        Some(error) => Verdict::Failed(error.clone()),
    });
    let shared = Arc::clone(subject);
    listing.add("contract", "verdict", move || {
        let report = shared.contract();
        let failed: Vec<String> = report
            .payloads
            .iter()
            .filter(|payload| !payload.is_passed)
            .flat_map(|payload| payload.display.iter().map(|(key, text)| format!("{} ({key}): {text}", payload.name)))
            .chain(report.general_error.clone())
            .collect();
        if report.is_valid { Verdict::Passed } else { Verdict::Failed(failed.join("\n")) }
    });
}

fn payload(report: &CheckReport, name: &str) -> Verdict {
    // Functions of the same name stand earlier, in code_loader's order, unless it is a step's.
    match report.payloads.iter().rev().find(|payload| payload.name == name) {
        None => Verdict::Ignored("an error ended the check before".to_owned()),
        Some(payload) if payload.is_passed => Verdict::Passed,
        Some(payload) => {
            let texts: Vec<String> = payload.display.iter().map(|(key, text)| format!("{key}: {text}")).collect();
            Verdict::Failed(texts.join("\n"))
        }
    }
}

/// One function on each subset, or on each of the first samples and on the others together.
fn list_function(listing: &mut Listing<'_>, subject: &Arc<Subject>, place: usize) {
    let session = &subject.session;
    let function = &session.functions[place];
    for (number, subset) in session.subsets.iter().enumerate().filter(|(_, subset)| function.runs_on(subset.state)) {
        let mut rest = session.options.samples.of(subset.len());
        if session.options.samples != Samples::First {
            let mut names: HashMap<String, usize> = HashMap::new();
            for sample in rest.drain(..rest.len().min(SAMPLES)) {
                let id = listed(&subset.sample_ids[sample].to_string());
                let times = names.entry(id.clone()).or_default();
                *times += 1;
                let id = if *times == 1 { id } else { format!("{id}#{times}") };
                let shared = Arc::clone(subject);
                let case = format!("{}::{id}", subset.state);
                listing.add(&function.title, &case, move || samples(&shared.session, place, number, &[sample]));
            }
        }
        if !rest.is_empty() {
            let shared = Arc::clone(subject);
            listing.add(&function.title, subset.state.as_str(), move || samples(&shared.session, place, number, &rest));
        }
    }
}

/// An id in one line, as lists of tests are read by line.
fn listed(id: &str) -> String {
    if id.contains(char::is_control) { id.escape_debug().to_string() } else { id.to_owned() }
}

fn samples(session: &Session<'_>, function: usize, subset: usize, places: &[usize]) -> Verdict {
    let (function, subset) = (&session.functions[function], &session.subsets[subset]);
    let ran = session.run(&[function], subset, places, &());
    let Some(tally) = ran.tallies.into_iter().next() else { return Verdict::Passed };
    let report = tally.report(function, subset.state);
    match report.status {
        Status::Passed => Verdict::Passed,
        Status::Skipped => Verdict::Ignored(report.skipped.unwrap_or_else(|| "no sample".to_owned())),
        Status::Failed => Verdict::Failed(report.failures_text()),
    }
}

/// The rules over several samples that concern a function.
fn list_rules(listing: &mut Listing<'_>, subject: &Arc<Subject>, place: usize) {
    let session = &subject.session;
    let function = &session.functions[place];
    let concerns = |rule: &Rule| match (rule, function.kind) {
        (Rule::Leak, FunctionKind::InputEncoder)
        | (Rule::Constant, FunctionKind::Metadata)
        | (Rule::Loss, FunctionKind::Loss)
        | (Rule::Slow, FunctionKind::Load) => true,
        (Rule::Deterministic, kind) => {
            matches!(kind, FunctionKind::InputEncoder | FunctionKind::GtEncoder | FunctionKind::Metadata)
        }
        _ => false,
    };
    for rule in session.options.rules.iter().filter(concerns) {
        let shared = Arc::clone(subject);
        listing.add(&function.title, rule.as_str(), move || {
            let session = &shared.session;
            let function: &Function = &session.functions[place];
            judged(&match rule {
                Rule::Constant | Rule::Slow => session.samples(&[function], &()).1.only(rule),
                _ => session.judge(rule, &[function]),
            })
        });
    }
}

fn judged(judged: &Judged) -> Verdict {
    let failures = judged.findings.iter().filter(|finding| finding.severity == Severity::Failure);
    let failures: Vec<&Failure> = failures.map(|finding| &finding.failure).collect();
    match (failures.is_empty(), judged.not_judged.first()) {
        (true, Some(open)) => Verdict::Ignored(open.reason.clone()),
        _ => verdict(failures),
    }
}

fn verdict<'f>(failures: impl IntoIterator<Item = &'f Failure>) -> Verdict {
    let messages: Vec<&str> = failures.into_iter().map(|failure| &*failure.message).collect();
    if messages.is_empty() { Verdict::Passed } else { Verdict::Failed(messages.join("\n")) }
}
