//! The picture of a run: losses above, the monitored score below.

use std::fmt::Write;

use super::{Epoch, History, Monitor};

/// The picture's size, and the frame of each of its two panels, in SVG units.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const PANEL: f64 = 140.0;
const TOPS: [f64; 2] = [28.0, 220.0];

/// Colours that are told apart by people with any colour vision too (Okabe and Ito, 2008), and dashes for print.
const TRAINING: (&str, &str) = ("#0072b2", "none");
const VALIDATION: (&str, &str) = ("#d55e00", "6 3");

/// One line of a panel: its name, its style and a value for each epoch that has one.
type Line<'a> = (&'a str, (&'static str, &'static str), Vec<(usize, f64)>);

/// An SVG document that stands alone.
pub(super) fn picture(history: &History, monitor: Monitor) -> String {
    let epochs = &history.epochs;
    let of = |value: &dyn Fn(&Epoch) -> Option<f64>| -> Vec<(usize, f64)> {
        let values = epochs.iter().filter_map(|epoch| Some((epoch.epoch, value(epoch)?)));
        values.filter(|(_, value)| value.is_finite()).collect()
    };
    let losses: [Line<'_>; 2] = [
        ("training loss", TRAINING, of(&|epoch| Some(epoch.train_loss))),
        ("validation log loss", VALIDATION, of(&|epoch| Some(epoch.validation?.log_loss))),
    ];
    let name = format!("validation {monitor}");
    let score: [Line<'_>; 1] = [(&name, VALIDATION, of(&|epoch| Some(monitor.value(&epoch.validation?))))];
    let best = history.best().map(|epoch| epoch.epoch);
    let last = epochs.len().max(1);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\" role=\"img\"><title>Training of {last} epochs</title>\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    panel(&mut svg, TOPS[0], &losses, last, best);
    panel(&mut svg, TOPS[1], &score, last, best);
    let _ = writeln!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">epoch</text>", WIDTH / 2.0, HEIGHT - 6.0);
    svg.push_str("</svg>\n");
    svg
}

fn panel(svg: &mut String, top: f64, lines: &[Line<'_>], last: usize, best: Option<usize>) {
    let values = || lines.iter().flat_map(|(_, _, points)| points.iter().map(|(_, value)| *value));
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
    let margin = if high > low { 0.05 * (high - low) } else { 0.5 * high.abs().max(1e-3) };
    let (low, high) = (low - margin, high + margin);
    let x = |epoch: usize| LEFT + (epoch as f64 - 0.5) / last as f64 * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| top + (high - value) / (high - low) * PANEL;
    let (right, bottom) = (WIDTH - RIGHT, top + PANEL);
    let _ = writeln!(svg, "<path d=\"M{LEFT} {top}V{bottom}H{right}\" fill=\"none\" stroke=\"#888\"/>");
    for step in 0..=4 {
        let value = low + (high - low) * f64::from(step) / 4.0;
        let at = y(value);
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value:.3}</text>",
            LEFT - 6.0,
            at + 4.0
        );
    }
    let every = last.div_ceil(12);
    for epoch in (1..=last).filter(|epoch| epoch % every == 0 || *epoch == 1) {
        let _ =
            writeln!(svg, "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{epoch}</text>", x(epoch), bottom + 16.0);
    }
    if let Some(best) = best {
        let at = x(best);
        let _ = writeln!(svg, "<path d=\"M{at:.1} {top}V{bottom}\" stroke=\"#888\" stroke-dasharray=\"2 3\"/>");
    }
    for (place, (name, (colour, dashes), points)) in lines.iter().enumerate() {
        let path: Vec<String> =
            points.iter().map(|(epoch, value)| format!("{:.1} {:.1}", x(*epoch), y(*value))).collect();
        let style = format!("fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dashes}\"");
        if let [only] = path.as_slice() {
            let (cx, cy) = only.split_once(' ').unwrap_or_default();
            let _ = writeln!(svg, "<circle cx=\"{cx}\" cy=\"{cy}\" r=\"3\" fill=\"{colour}\"/>");
        } else if !path.is_empty() {
            let _ = writeln!(svg, "<path d=\"M{}\" {style}/>", path.join("L"));
        }
        let start = LEFT + 200.0 * place as f64;
        let _ = writeln!(
            svg,
            "<path d=\"M{start} {0}h24\" {style}/><text x=\"{1}\" y=\"{2}\">{name}</text>",
            top - 10.0,
            start + 30.0,
            top - 6.0
        );
    }
}
