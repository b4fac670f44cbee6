//! Style and script of the page, and the policy that lets nothing else run.

use sha2::{Digest, Sha256};

use super::json::base64;

/// The page's style sheet.
pub(super) const STYLE: &str = concat!(
    include_str!("assets/css/base.css"),
    include_str!("assets/css/sections.css"),
    include_str!("assets/css/map.css"),
    include_str!("assets/css/print.css"),
);

/// The page's script: one function, made of files of one idea each.
pub(super) const SCRIPT: &str = concat!(
    "(function () {\n\"use strict\";\n",
    include_str!("assets/js/dom.js"),
    include_str!("assets/js/data.js"),
    include_str!("assets/js/palette.js"),
    include_str!("assets/js/fields.js"),
    include_str!("assets/js/state.js"),
    include_str!("assets/js/theme.js"),
    include_str!("assets/js/filters.js"),
    include_str!("assets/js/view.js"),
    include_str!("assets/js/grid.js"),
    include_str!("assets/js/marks.js"),
    include_str!("assets/js/draw.js"),
    include_str!("assets/js/thumbs.js"),
    include_str!("assets/js/legend.js"),
    include_str!("assets/js/similar.js"),
    include_str!("assets/js/histogram.js"),
    include_str!("assets/js/pictures.js"),
    include_str!("assets/js/panel.js"),
    include_str!("assets/js/group.js"),
    include_str!("assets/js/pointer.js"),
    include_str!("assets/js/keyboard.js"),
    include_str!("assets/js/toolbar.js"),
    include_str!("assets/js/links.js"),
    include_str!("assets/js/main.js"),
    "}());\n",
);

/// A content security policy under which only this style and this script run and nothing is fetched.
pub(super) fn policy() -> String {
    let hash = |text: &str| base64(&Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(STYLE)
    )
}
