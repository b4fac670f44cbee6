"""Writes what every engine reads: `export.py WEIGHTS SAMPLE FOLDER`.

`network.onnx`  DenseNet-201 with the crate's weights, widened to f32; the batch size is free
`images.f32`    eight X-rays of the sample's test split as the network wants them, `(8, 3, 224, 224)` f32
`logits.json`   what PyTorch makes of them in f32
"""

import csv
import json
import sys
import warnings
from pathlib import Path

import cv2
import numpy as np
import torch

from engines import densenet201

COUNT = 8
MEAN = np.float32([0.485, 0.456, 0.406])
STD = np.float32([0.229, 0.224, 0.225])


def xrays(sample):
    """Every so many rows of the test split, so that all classes are among them."""
    with open(sample / "index.csv", newline="") as index:
        files = [row["file"] for row in csv.DictReader(index) if row["split"] == "test"]
    chosen = files[:: len(files) // COUNT][:COUNT]
    return np.stack([prepared(sample / file) for file in chosen])


def prepared(file):
    grey = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
    if grey is None or grey.shape != (224, 224):
        raise SystemExit(f"{file}: an image of 224 x 224 pixels was expected")
    levels = np.repeat(grey[..., None], 3, axis=2).astype(np.float32) / 255
    return ((levels - MEAN) / STD).transpose(2, 0, 1)


def main(weights, sample, folder):
    images = np.ascontiguousarray(xrays(sample), dtype=np.float32)
    images.tofile(folder / "images.f32")
    network = densenet201(weights)
    batch = torch.from_numpy(images)
    with torch.inference_mode():
        (folder / "logits.json").write_text(json.dumps(network(batch).tolist()))
    warnings.simplefilter("ignore")
    torch.onnx.export(
        network,
        (batch[:1],),
        folder / "network.onnx",
        input_names=["images"],
        output_names=["logits"],
        dynamic_axes={"images": {0: "batch"}, "logits": {0: "batch"}},
        dynamo=False,
    )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
