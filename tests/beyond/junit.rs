//! JUnit's XML: against a file that Python's parser has read, and in what it can hold.

use leap_binder::contract::HandlerResult;
use proptest::prelude::*;

use super::*;

/// A binder whose texts hold everything that XML minds.
fn awkward(text: &str) -> CheckReport {
    let text = text.to_owned();
    let builder = over(vec![subset(Training, 2), Subset::new(Validation, ["v1", "v1"])])
        .metadata("a & b <c> \"d\"", move |n| -> HandlerResult<f64> {
            if n.0 == Validation { Err(text.clone().into()) } else { Ok(n.1 as f64) }
        });
    report(builder, &CheckOptions::strict().with(Rule::Leak))
}

/// `tests/fixtures/check/read_junit.py` has read this file with Python's parser and found the texts below in it.
#[test]
fn is_what_a_parser_reads() {
    let xml = awkward("<bad> & \"worse\"\u{1b}[31m\u{0}\ttab\r\nline ]]> é\u{fffe}").to_junit();
    let golden = include_str!("../fixtures/check/junit.xml");
    if std::env::var_os("WRITE_GOLDEN").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/check/junit.xml"), &xml).unwrap();
    }
    assert_eq!(xml, golden);
}

/// Undoes the escapes of an attribute or an element.
fn unescaped(text: &str) -> String {
    let named = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    named.replace("&#10;", "\n").replace("&#13;", "\r").replace("&#9;", "\t").replace("&amp;", "&")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn holds_any_text(text in "\\PC*|(.|[\\x00-\\x1f<>&\"'\\]\n]){0,40}") {
        let xml = awkward(&text).to_junit();
        let legal = |c: char| matches!(c, '\t' | '\n' | ' '..='\u{fffd}' | '\u{10000}'..);
        prop_assert!(xml.chars().all(legal));
        // Every & begins an entity, and every < a tag of ours.
        let entities = ["amp;", "lt;", "gt;", "quot;", "#10;", "#13;", "#9;"];
        prop_assert!(xml.split('&').skip(1).all(|rest| entities.iter().any(|entity| rest.starts_with(entity))));
        let tags = ["?xml", "testsuite", "testcase", "failure", "skipped", "system-out", "/"];
        prop_assert!(xml.split('<').skip(1).all(|rest| tags.iter().any(|tag| rest.starts_with(tag))));
        let found = unescaped(&xml);
        let legible = text.chars().all(|c| legal(c) || c == '\r');
        prop_assert!(!legible || found.contains(&format!("the error \"{text}\"")), "{}", found);
    }
}
