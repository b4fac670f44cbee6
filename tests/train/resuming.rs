//! A run that was stopped anywhere goes on as if nothing had been.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use leap_binder::progress::Progress;
use leap_binder::rng::SplitMix64;
use leap_binder::train::{Augmentation, Frozen, Optimiser, Samples, TrainOptions, TrainReport, Unfreeze, train};

use crate::common::{Patterns, binder, bits, options, small_cnn, trainee};

type Bits = std::collections::BTreeMap<String, Vec<u32>>;

/// Everything that has a state: momentum, average, dropout, augmentation, thawing, statistics, accumulation.
fn everything(folder: &Path) -> TrainOptions {
    TrainOptions {
        accumulation: 2,
        augmentation: Augmentation::radiographs(),
        ema: Some(0.9),
        frozen: Frozen::Through("features.0".to_owned()),
        unfreeze: vec![Unfreeze { epoch: 2, frozen: Frozen::Nothing }],
        optimiser: Optimiser::adamw(),
        checkpoint_steps: Some(1),
        folder: Some(folder.to_path_buf()),
        resume: true,
        seed: 5,
        ..options(3)
    }
}

fn run(options: &TrainOptions, progress: &dyn Progress) -> (Bits, TrainReport) {
    let binder = binder(Patterns::default());
    let trainee = trainee(&small_cnn(2));
    let report = train(&binder, &trainee, &Samples::of_subsets(&binder).unwrap(), options, progress).unwrap();
    (bits(&trainee), report)
}

/// The history without the one number that differs.
fn timeless(report: &TrainReport) -> Vec<leap_binder::train::Epoch> {
    let epochs = report.history.epochs.iter().cloned();
    epochs.map(|epoch| leap_binder::train::Epoch { seconds: 0.0, ..epoch }).collect()
}

/// Keeps a copy of the run's folder after every step.
struct Copies {
    from: PathBuf,
    to: PathBuf,
    count: AtomicUsize,
}

impl Progress for Copies {
    fn begin(&self, _stage: &str, _total: usize) {}

    fn advance(&self, _steps: usize) {
        if self.from.join("checkpoint.safetensors").exists() {
            let copy = self.to.join(self.count.fetch_add(1, Ordering::SeqCst).to_string());
            std::fs::create_dir(&copy).unwrap();
            for file in std::fs::read_dir(&self.from).unwrap().flatten() {
                std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
            }
        }
    }

    fn end(&self) {}
}

#[test]
fn from_any_step_the_end_is_the_same() {
    let (folder, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let keep =
        Copies { from: folder.path().to_path_buf(), to: copies.path().to_path_buf(), count: AtomicUsize::new(0) };
    let (whole, report) = run(&everything(folder.path()), &keep);
    let count = keep.count.load(Ordering::SeqCst);
    // Two steps an epoch, validation batches between: every state that was ever on the disk.
    assert!(count >= 6, "{count}");
    for copy in (0..count).step_by(3) {
        let (resumed, again) = run(&everything(&copies.path().join(copy.to_string())), &());
        assert_eq!(resumed, whole, "resumed from copy {copy} of {count}");
        assert_eq!(timeless(&again), timeless(&report));
    }
    // What is over stays as it is.
    let (resumed, _) = run(&everything(folder.path()), &());
    assert_eq!(resumed, whole);
}

const FOLDER: &str = "LEAP_BINDER_TEST_TRAINING";

/// Not a test of its own: what [`a_killed_run_goes_on`] kills.
#[test]
#[ignore = "run by a_killed_run_goes_on"]
fn victim() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    run(&everything(Path::new(&folder)), &());
}

#[test]
fn a_killed_run_goes_on() {
    let (killed, calm) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut rng = SplitMix64::new(u64::from(std::process::id()));
    let start = |folder: &Path| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "resuming::victim", "--ignored"]).env(FOLDER, folder);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let mut kills = 0;
    loop {
        let mut child = start(killed.path());
        std::thread::sleep(Duration::from_millis(20 + rng.below(400) as u64));
        // The tenth is left to end in peace, however slow the machine is.
        if kills == 10 || child.try_wait().unwrap().is_some() {
            assert!(child.wait().unwrap().success());
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    }
    let (whole, report) = run(&everything(calm.path()), &());
    let (resumed, again) = run(&everything(killed.path()), &());
    assert_eq!(resumed, whole, "after {kills} kills");
    assert_eq!(timeless(&again), timeless(&report));
}
