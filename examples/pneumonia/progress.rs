use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use leap_binder::progress::Progress;

/// Time between two lines where there is no terminal to draw a bar on.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Progress on standard error: a bar with the time left on a terminal, a line now and then elsewhere.
#[derive(Default)]
pub(crate) struct Console {
    stage: Mutex<Option<Stage>>,
}

enum Stage {
    Bar(ProgressBar),
    Lines { name: String, total: usize, done: usize, started: Instant, printed: Instant },
}

impl Progress for Console {
    fn begin(&self, stage: &str, total: usize) {
        let new = if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new(total as u64).with_message(stage.to_owned());
            if let Ok(style) = ProgressStyle::with_template("{msg:20} {wide_bar} {pos}/{len} {per_sec} {eta} left") {
                bar.set_style(style);
            }
            Stage::Bar(bar)
        } else {
            let now = Instant::now();
            Stage::Lines { name: stage.to_owned(), total, done: 0, started: now, printed: now }
        };
        if let Ok(mut stage) = self.stage.lock() {
            *stage = Some(new);
        }
    }

    fn advance(&self, steps: usize) {
        let Ok(mut stage) = self.stage.lock() else { return };
        match stage.as_mut() {
            Some(Stage::Bar(bar)) => bar.inc(steps as u64),
            Some(Stage::Lines { name, total, done, started, printed }) => {
                *done += steps;
                if printed.elapsed() >= LINE_EVERY {
                    *printed = Instant::now();
                    let left = started.elapsed().as_secs_f64() / *done as f64 * total.saturating_sub(*done) as f64;
                    eprintln!("{name}: {done} of {total}, about {left:.0} s left");
                }
            }
            None => {}
        }
    }

    fn end(&self) {
        if let Ok(mut stage) = self.stage.lock()
            && let Some(Stage::Bar(bar)) = stage.take()
        {
            bar.finish_and_clear();
        }
    }
}
