"""One Python peer in a process of its own: `network_worker.py ENGINE WEIGHTS FOLDER BATCH THREADS`."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from engines import ENGINES
from serve import serve


def main(engine, weights, folder, batch, threads):
    batch, folder = int(batch), Path(folder)
    images = np.fromfile(folder / "images.f32", dtype=np.float32).reshape(-1, 3, 224, 224)
    files = SimpleNamespace(weights=weights, onnx=str(folder / "network.onnx"))
    predict, about = ENGINES[engine](files, batch, int(threads))

    def chosen(first):
        return np.ascontiguousarray(images[(first + np.arange(batch)) % len(images)])

    def results():
        logits = [predict(chosen(first)).astype(float).tolist() for first in range(0, len(images), batch)]
        return [row for rows in logits for row in rows][: len(images)]

    same = chosen(0)
    serve(about, lambda: predict(same), results)


if __name__ == "__main__":
    main(*sys.argv[1:])
