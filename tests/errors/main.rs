//! Every code of a broken rule is documented in `docs/errors.md`, and can be provoked through the public API.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod beyond;
mod binders;
mod provoke;

use std::path::Path;

use leap_binder::contract::Code;

/// First digit, title and what the group has in common.
const GROUPS: [(char, &str, &str); 5] = [
    ('0', "Registration", "`BinderBuilder::build` refuses the binder, or the check ends with a general error."),
    ('1', "Preprocess", "The subsets that preprocess lists cannot be used as they are."),
    ('2', "Running a function", "A function failed on a sample, or gave what the contract does not allow."),
    ('3', "The integration test", "The binder's functions and the model do not go together."),
    ('4', "Beyond code_loader", "Rules that code_loader does not have; options of the check turn them on."),
];

fn document() -> String {
    let mut text = String::from(
        "# Errors of the binder contract\n\n\
         <!-- Made from src/contract/code.rs: `UPDATE_DOCS=1 cargo test --test errors`. Do not edit. -->\n\n\
         Every message about a broken rule begins with its code, then names the function and, where there is one, the subset \
         and the sample, says what was expected and what was found, and ends with the mend:\n\n\
         ```text\n\
         [BND-202] gt_encoder::classes on validation sample 17: expected a value, found the error \"no label\". Mend: ...\n\
         ```\n\n\
         Codes are stable: none is renumbered or given another meaning. Texts may be reworded.\n",
    );
    for (digit, title, sentence) in GROUPS {
        text.push_str(&format!("\n## {title}: BND-{digit}xx\n\n{sentence}\n"));
        let group = Code::ALL.iter().filter(|code| code.as_str().as_bytes()[4] == digit as u8);
        for code in group {
            text.push_str(&format!("\n### {code}\n\n{}\n\n**Mend:** {}.\n", code.cause(), capitalised(code.mend())));
        }
    }
    text
}

fn capitalised(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

#[test]
fn the_document_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md");
    let expected = document();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "docs/errors.md is old: UPDATE_DOCS=1 cargo test --test errors");
}

#[test]
fn every_code_is_in_the_document_once() {
    let text = document();
    for code in Code::ALL {
        assert_eq!(text.matches(&format!("\n### {code}\n")).count(), 1, "{code}");
    }
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert!(codes.is_sorted() && codes.windows(2).all(|pair| pair[0] != pair[1]));
}

/// A cause is a sentence; a mend goes on after "Mend: " and says what to do, in one line of a terminal or so.
#[test]
fn causes_and_mends_read_well() {
    for code in Code::ALL {
        let (cause, mend) = (code.cause(), code.mend());
        assert!(cause.ends_with('.') && cause.starts_with(char::is_uppercase), "{code}: {cause}");
        assert!(!mend.ends_with('.') && mend.starts_with(char::is_lowercase), "{code}: {mend}");
        assert!((20..=120).contains(&mend.len()) && cause.len() <= 120, "{code}: {cause} {mend}");
    }
}

#[test]
fn every_code_is_provoked() {
    for (code, provoke) in provoke::TABLE {
        println!("{code}");
        assert_eq!(provoke(), code.as_str(), "{}", code.cause());
    }
    for code in Code::ALL {
        let provoked = provoke::TABLE.iter().filter(|(known, _)| known == code).count();
        assert_eq!(provoked, 1, "{code} is provoked {provoked} times");
    }
}
