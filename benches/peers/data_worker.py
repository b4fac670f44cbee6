"""The grey-level metadata in Python, in a process of its own: `data_worker.py WAY LIST`; LIST names one file a line."""

import sys
from pathlib import Path

import cv2
import numpy as np

from serve import serve

SIDE = (640, 640)
SCALES = [0.2989, 0.5870, 0.1140]


class Reference:
    """As Tensorleap's healthcare example does it: every function begins with the file, and a Python loop counts pixels
    by name. Mean and deviation, which that example lacks, are made in the same manner."""

    def describe(self, file):
        return {"mean": self.mean(file), "std": self.std(file), "black": self.black(file), "counts": self.counts(file)}

    def levels(self, file):
        image = cv2.resize(cv2.imread(file), SIDE)
        return np.dot(image[..., :3], SCALES).flatten().astype(int)

    def mean(self, file):
        return float(self.levels(file).mean())

    def std(self, file):
        return float(self.levels(file).std())

    def black(self, file):
        return int(np.sum(self.levels(file) == 0))

    def counts(self, file):
        counts = dict.fromkeys(map(str, range(256)), 0)
        for level in self.levels(file):
            counts[str(int(level))] += 1
        return list(counts.values())


class Once:
    """Each step once, with what OpenCV and numpy offer for it."""

    def describe(self, file):
        levels = self.levels(file)
        counts = np.bincount(levels, minlength=256)
        return {
            "mean": float(levels.mean()),
            "std": float(levels.std()),
            "black": int(np.count_nonzero(levels == 0)),
            "counts": counts.tolist(),
        }

    def levels(self, file):
        image = cv2.imdecode(np.fromfile(file, dtype=np.uint8), cv2.IMREAD_COLOR)
        small = cv2.resize(image, SIDE, interpolation=cv2.INTER_LINEAR)
        return np.dot(small, SCALES).astype(np.uint8).ravel()


class Tuned:
    """What an expert would make of it: files that are grey stay grey, and everything follows from their 256 counts."""

    def __init__(self):
        every = np.arange(256)
        self.level = np.dot(np.stack([every] * 3, axis=1), SCALES).astype(int)
        self.once = Once()

    def describe(self, file):
        image = cv2.imdecode(np.fromfile(file, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
        if image.ndim == 3:
            return self.once.describe(file)
        small = cv2.resize(image, SIDE, interpolation=cv2.INTER_LINEAR)
        grey = cv2.calcHist([small], [0], None, [256], [0, 256]).ravel()
        counts = np.bincount(self.level, grey, minlength=256).astype(int)
        levels = np.arange(256)
        mean = counts @ levels / counts.sum()
        std = np.sqrt(counts @ (levels - mean) ** 2 / counts.sum())
        return {"mean": float(mean), "std": float(std), "black": int(counts[0]), "counts": counts.tolist()}


WAYS = {"reference": Reference, "once": Once, "tuned": Tuned}


def main(way, listed):
    cv2.setNumThreads(1)
    files = Path(listed).read_text().splitlines()
    describe = WAYS[way]().describe

    def results():
        return [describe(file) for file in files]

    serve(f"OpenCV {cv2.__version__}, numpy {np.__version__}", results, results)


if __name__ == "__main__":
    main(*sys.argv[1:])
