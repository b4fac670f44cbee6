#!/usr/bin/env python3
"""Cuts the embedded sample out of the 224x224 copy of the Kermany chest X-ray set.

    python3 make_sample.py SOURCE TARGET

SOURCE holds `index.csv` (split, class, patient_id, original_file, sha256) and `{split}/{class}/{original_file}`.
TARGET receives `chest_xray/{split}/{NORMAL,PNEUMONIA}/` and `index.csv`. The test and validation splits are taken whole; of
the training split, 50 images of each class. Standard library only. The same source gives the same bytes.
"""

import argparse
import csv
import hashlib
import shutil
import sys
from collections import Counter, defaultdict
from pathlib import Path

CLASSES = ("NORMAL", "bacteria", "virus")
SPLITS = ("train", "val", "test")
TRAINING_IMAGES_PER_CLASS = 50
SEED = "leap-binder sample 1"


def digest(*parts):
    """A fixed pseudo-random key: the order it gives follows neither names nor dates."""
    return hashlib.sha256("/".join((SEED, *parts)).encode()).hexdigest()


def choose_training(rows):
    """One image each of 50 patients a class: no patient twice, none of `val` or `test`, no picture that occurs twice."""
    taken = {row["patient_id"] for row in rows if row["split"] != "train"}
    copies = Counter(row["sha256"] for row in rows)
    chosen = []
    for name in CLASSES:
        patients = defaultdict(list)
        for row in rows:
            if row["split"] == "train" and row["class"] == name and copies[row["sha256"]] == 1:
                patients[row["patient_id"]].append(row)
        order = sorted((patient for patient in patients if patient not in taken), key=lambda patient: digest(name, patient))
        order = order[:TRAINING_IMAGES_PER_CLASS]
        if len(order) < TRAINING_IMAGES_PER_CLASS:
            sys.exit(f"{name}: only {len(order)} patients are free")
        taken.update(order)
        chosen += [min(patients[patient], key=lambda row: digest(row["original_file"])) for patient in order]
    return chosen


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    args = parser.parse_args()

    with open(args.source / "index.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    chosen = choose_training(rows) + [row for row in rows if row["split"] != "train"]

    entries = {}
    for row in chosen:
        folder = "NORMAL" if row["class"] == "NORMAL" else "PNEUMONIA"
        name = f"chest_xray/{row['split']}/{folder}/{row['original_file']}"
        if name in entries:
            sys.exit(f"two images would be called {name}")
        source = args.source / row["split"] / row["class"] / row["original_file"]
        if hashlib.sha256(source.read_bytes()).hexdigest() != row["sha256"]:
            sys.exit(f"{source} is not the file that index.csv describes")
        (args.target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, args.target / name)
        entries[name] = (row["split"], row["class"], row["patient_id"], name, row["sha256"])

    with open(args.target / "index.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("split", "class", "patient", "file", "sha256"))
        writer.writerows(sorted(entries.values(), key=lambda entry: (SPLITS.index(entry[0]), CLASSES.index(entry[1]), entry[3])))

    counts = Counter(entry[:2] for entry in entries.values())
    for split in SPLITS:
        print(split, {name: counts[split, name] for name in CLASSES})


if __name__ == "__main__":
    main()
