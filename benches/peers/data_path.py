#!/usr/bin/env python3
"""Compares how fast the grey-level metadata of image files is made: by the crate, by Tensorleap's Python original, and
by OpenCV and numpy used well. README.md says how."""

import argparse
import json
import sys
from pathlib import Path

import machine
import prepare
import table
from worker import Worker, take_turns

ORIGINALS = prepare.ROOT / "tests" / "fixtures" / "imaging" / "samples"
WAYS = ("reference", "once", "tuned")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--images", type=Path, default=ORIGINALS, help="a folder with JPEG files, default: those of the tests"
    )
    parser.add_argument("--limit", type=int, default=50, help="how many files at most, default 50")
    parser.add_argument("--worker", help="the crate's worker, built before; default: build it")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each way, default 7")
    parser.add_argument("--budget", type=float, default=15, help="seconds after which a way sits out, default 15")
    parser.add_argument(
        "--out", default=prepare.WORK / "data_path.json", help="the JSON file, default target/peers/data_path.json"
    )
    return parser.parse_args()


def listed(folder, limit):
    """The JPEG files below `folder` in a text file for the workers, and how many there are."""
    files = sorted(path.resolve() for path in folder.rglob("*") if path.suffix.lower() in (".jpeg", ".jpg"))[:limit]
    if not files:
        raise SystemExit(f"{folder}: at least one JPEG file was expected, none found")
    listing = prepare.WORK / "files.txt"
    listing.write_text("".join(f"{file}\n" for file in files))
    return listing, len(files)


def differences(ours, theirs):
    """The largest differences over all files: of the mean, of the deviation, and the share of pixels in other bins.
    Decoders may differ by one level, so none is zero."""
    pairs = list(zip(ours, theirs, strict=True))
    apart = [max(abs(one[key] - two[key]) for one, two in pairs) for key in ("mean", "std")]
    return [*apart, max(moved(one["counts"], two["counts"]) for one, two in pairs)]


def moved(counts, others):
    """The share of the pixels that are in other bins."""
    return sum(abs(one - other) for one, other in zip(counts, others, strict=True)) / 2 / sum(others)


def main():
    options = arguments()
    prepare.install()
    listing, count = listed(options.images, options.limit)
    commands = {"leap-binder": [options.worker or prepare.build(), "data", listing]}
    commands |= {way: [prepare.PYTHON, prepare.HERE / "data_worker.py", way, listing] for way in WAYS}
    environment, workers = prepare.environment(1, "native"), []
    try:
        for name, command in commands.items():
            workers.append(Worker(name, command, environment, prepare.WORK / "logs" / f"data-{name}.log"))
        for name, why in take_turns(workers, options.rounds, options.budget).items():
            sys.exit(f"{name} ended: {why}")
        results = {worker.name: worker.results() for worker in workers}
        ways = {worker.name: worker.summary() for worker in workers}
    finally:
        for worker in workers:
            worker.close()
    for name, way in ways.items():
        way["differences"] = differences(results[name], results["once"])
    here = machine.describe()
    print(machine.heading(here), f"\n{count} files, 1 thread\n", of_ways(ways, count), sep="\n")
    Path(options.out).write_text(json.dumps({"machine": here, "files": count, "ways": ways}, indent=1))
    print(f"written: {options.out}", file=sys.stderr)


def of_ways(ways, count):
    """The markdown table, the fastest way first."""
    ours = ways["leap-binder"]["median"]
    header = ("way", "ms/image", "min", "cpu ms", "/ leap-binder", "mean off by", "std off by", "pixels in other bins")
    rows = []
    for name, way in sorted(ways.items(), key=lambda item: item[1]["median"]):
        mean, std, moved = way["differences"]
        times = [f"{(way[key] or 0) / count * 1e3:.2f}" for key in ("median", "min", "cpu")]
        rows.append((name, *times, f"{way['median'] / ours:.2f}", f"{mean:.1e}", f"{std:.1e}", f"{moved:.2%}"))
    return table.markdown(header, rows)


if __name__ == "__main__":
    main()
