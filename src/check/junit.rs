//! JUnit's XML: one suite for each function, one case for each subset or sample.

use std::fmt::Write;

use super::finding::Severity;
use super::report::{CheckReport, FunctionReport, Status, SubsetReport};

/// The tests of one function.
#[derive(Debug)]
pub(super) struct Suite {
    pub(super) name: String,
    pub(super) cases: Vec<Case>,
}

#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) result: CaseResult,
    pub(super) seconds: Option<f64>,
}

#[derive(Debug)]
pub(super) enum CaseResult {
    Passed,
    /// Passed, with something to be told.
    Noted(String),
    /// A kind, for example a code of the contract, and a text, whose first line is the summary.
    Failed(String, String),
    Skipped(String),
}

impl Case {
    fn new(name: impl Into<String>, result: CaseResult) -> Self {
        Self { name: name.into(), result, seconds: None }
    }
}

impl CheckReport {
    /// The report as JUnit's XML, which CI systems show as a table of tests.
    ///
    /// The suite `contract` has a case for each of code_loader's payloads and one for the setup, `preprocess` one for its
    /// rules, and each function has a suite with a case for each subset and for each rule that several samples together
    /// break. A failure has the code as its type and the whole text as its content. Characters that XML cannot hold are
    /// written as `\u{..}`. Deterministic.
    pub fn to_junit(&self) -> String {
        let mut suites = vec![self.contract_suite(), self.preprocess_suite()];
        suites.extend(self.functions.iter().map(function_suite));
        for finding in &self.findings {
            let failure = &finding.failure;
            let name = match (failure.subset, &failure.sample) {
                (Some(subset), Some(sample)) => format!("{} {subset} {sample}", finding.rule),
                (Some(subset), None) => format!("{} {subset}", finding.rule),
                _ => finding.rule.to_string(),
            };
            let result = match finding.severity {
                Severity::Failure => CaseResult::Failed(failure.code.to_owned(), failure.message.clone()),
                Severity::Warning => CaseResult::Noted(failure.message.clone()),
            };
            suite(&mut suites, &failure.function).cases.push(Case::new(name, result));
        }
        for open in &self.not_judged {
            let case = Case::new(open.rule.as_str(), CaseResult::Skipped(open.reason.clone()));
            suite(&mut suites, &open.function).cases.push(case);
        }
        render("leap-binder check", &suites)
    }

    fn contract_suite(&self) -> Suite {
        let mut cases: Vec<Case> = self
            .payloads
            .iter()
            .map(|payload| {
                let texts: Vec<String> = payload.display.iter().map(|(key, text)| format!("{key}: {text}")).collect();
                let text = texts.join("\n");
                let result = match (payload.is_passed, text.is_empty()) {
                    (true, true) => CaseResult::Passed,
                    (true, false) => CaseResult::Noted(text),
                    (false, _) => CaseResult::Failed(code_in(&text), text),
                };
                Case::new(&*payload.name, result)
            })
            .collect();
        let setup = match &self.general_error {
            None => CaseResult::Passed,
            Some(text) => CaseResult::Failed(code_in(text), text.clone()),
        };
        cases.push(Case::new("setup", setup));
        Suite { name: "contract".to_owned(), cases }
    }

    fn preprocess_suite(&self) -> Suite {
        let failed = |failure: &super::Failure| {
            Case::new("rules", CaseResult::Failed(failure.code.to_owned(), failure.message.clone()))
        };
        let mut cases: Vec<Case> = self.preprocess_failures.iter().map(failed).collect();
        if cases.is_empty() {
            cases.push(Case::new("rules", CaseResult::Passed));
        }
        Suite { name: "preprocess".to_owned(), cases }
    }
}

fn suite<'s>(suites: &'s mut Vec<Suite>, name: &str) -> &'s mut Suite {
    let place = suites.iter().position(|suite| suite.name == name).unwrap_or_else(|| {
        suites.push(Suite { name: name.to_owned(), cases: Vec::new() });
        suites.len() - 1
    });
    &mut suites[place]
}

fn function_suite(function: &FunctionReport) -> Suite {
    let case = |subset: &SubsetReport| Case::new(subset.state.as_str(), subset_result(subset));
    Suite { name: function.title(), cases: function.subsets.iter().map(case).collect() }
}

/// A subset's result as a test's.
fn subset_result(subset: &SubsetReport) -> CaseResult {
    match subset.status {
        Status::Passed => CaseResult::Passed,
        Status::Skipped => CaseResult::Skipped(subset.skipped.clone().unwrap_or_else(|| "no sample".to_owned())),
        Status::Failed => {
            let code = subset.failures.first().map_or("", |failure| failure.code).to_owned();
            CaseResult::Failed(code, subset.failures_text())
        }
    }
}

impl SubsetReport {
    /// Every kept failure, and how many there are.
    pub(super) fn failures_text(&self) -> String {
        let messages: Vec<&str> = self.failures.iter().map(|failure| &*failure.message).collect();
        let mut text = messages.join("\n");
        if self.samples > 1 {
            let _ = write!(text, "\n{} of {} samples failed", self.failed_samples, self.samples);
        }
        text
    }
}

/// The first code of the contract in a text.
pub(super) fn code_in(text: &str) -> String {
    let code = text.find("BND-").and_then(|place| text.get(place..place + "BND-000".len()));
    code.unwrap_or("failure").to_owned()
}

/// The document, with counts for the whole and for each suite.
pub(super) fn render(name: &str, suites: &[Suite]) -> String {
    let all = || suites.iter().flat_map(|suite| &suite.cases);
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(xml, "<testsuites name=\"{}\"{}>", escaped(name, true), counts(all()));
    for suite in suites {
        let _ = writeln!(xml, "  <testsuite name=\"{}\"{}>", escaped(&suite.name, true), counts(suite.cases.iter()));
        for case in &suite.cases {
            render_case(&mut xml, &suite.name, case);
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn render_case(xml: &mut String, suite: &str, case: &Case) {
    let _ = write!(xml, "    <testcase classname=\"{}\" name=\"{}\"", escaped(suite, true), escaped(&case.name, true));
    if let Some(seconds) = case.seconds {
        let _ = write!(xml, " time=\"{seconds:.6}\"");
    }
    let _ = match &case.result {
        CaseResult::Passed => writeln!(xml, "/>"),
        CaseResult::Noted(text) => {
            writeln!(xml, ">\n      <system-out>{}</system-out>\n    </testcase>", escaped(text, false))
        }
        CaseResult::Skipped(reason) => {
            writeln!(xml, ">\n      <skipped message=\"{}\"/>\n    </testcase>", escaped(reason, true))
        }
        CaseResult::Failed(kind, text) => {
            let summary = escaped(text.lines().next().unwrap_or_default(), true);
            let (kind, text) = (escaped(kind, true), escaped(text, false));
            writeln!(xml, ">\n      <failure type=\"{kind}\" message=\"{summary}\">{text}</failure>\n    </testcase>")
        }
    };
}

fn counts<'c>(cases: impl Iterator<Item = &'c Case>) -> String {
    let (mut tests, mut failures, mut skipped, mut seconds) = (0, 0, 0, None);
    for case in cases {
        tests += 1;
        failures += usize::from(matches!(case.result, CaseResult::Failed(..)));
        skipped += usize::from(matches!(case.result, CaseResult::Skipped(_)));
        seconds = case.seconds.map(|more| seconds.unwrap_or(0.0) + more).or(seconds);
    }
    let time = seconds.map(|seconds| format!(" time=\"{seconds:.6}\"")).unwrap_or_default();
    format!(" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\"{time}")
}

/// `text` as an attribute's value or as an element's content.
pub(super) fn escaped(text: &str, attribute: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if attribute => out.push_str("&quot;"),
            // A reader turns a bare one into a space, or a line's end into another.
            '\n' | '\t' if attribute => push_reference(&mut out, character),
            '\r' => push_reference(&mut out, character),
            '\n' | '\t' => out.push(character),
            // XML 1.0 has no way to write these.
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out
}

fn push_reference(out: &mut String, character: char) {
    let _ = write!(out, "&#{};", u32::from(character));
}
