#!/usr/bin/env python3
"""Rewrites a Keras DenseNet in HDF5 as the safetensors file that leap-binder reads.

    python scripts/keras_to_safetensors.py IN.h5 OUT.safetensors \
        [--classes normal,bacteria,virus] [--input JSON]

Needs numpy, h5py and safetensors; not Keras. Reads DenseNet121, 169 and 201 as `keras.applications` builds them, from

- the weights files of keras.applications, with top and `notop` (layers `conv1/conv` .. `fc1000`, Keras 1 and 2);
- `model.save("x.h5")` and `model.save_weights("x.h5")` of Keras 2 and 3, also where the network is one layer of a larger model;
- `model.save_weights("x.weights.h5")` of Keras 3, which notes the layers' names.

What is written are torchvision's names and layouts: kernels (h, w, in, out) become (out, in, h, w), a dense kernel is
transposed, gamma, beta, moving_mean and moving_variance become weight, bias, running_mean and running_var. Keras adds
1.001e-5 to a variance and torchvision 1e-5, so 1e-8 is added to each running_var; a model with another epsilon has to
be given with --epsilon. The head is the only dense layer, if there is one. Everything is checked against the network's list of
tensors before anything is written: what is missing, unknown or of another shape is named, and the exit status is 1.

The metadata gets `architecture`, `input` (how images are prepared, in JSON as leap-binder's ImageSpec has it), and, if they are given,
`classes` (names in the order of the head's rows). With classes, `Weights::open` takes the file; without, or without a head, it is a
start for `Checkpoint::open` and `Weights::load_backbone`. keras.applications prepares DenseNet images as torchvision does: RGB,
scaled to [0, 1], less ImageNet's mean, by its deviation; that is the default input.
"""

import argparse
import json
import re
import sys

import h5py
import numpy as np
from safetensors.numpy import save_file

ARCHITECTURES = {
    "densenet121": (6, 12, 24, 16),
    "densenet169": (6, 12, 32, 32),
    "densenet201": (6, 12, 48, 32),
}
INPUT = '{"side":224,"channels":3,"scale":"1/255","mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225]}'
GROWTH, STEM, BOTTLENECK = 32, 64, 4
TORCH_EPSILON, KERAS_EPSILON = 1e-5, 1.001e-5

PARTS = {"0_bn": "norm1", "1_conv": "conv1", "1_bn": "norm2", "2_conv": "conv2"}
FIXED = {
    "conv1_conv": "features.conv0",
    "conv1/conv": "features.conv0",
    "conv1_bn": "features.norm0",
    "conv1/bn": "features.norm0",
    "bn": "features.norm5",
}
NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
NORM_ORDER = list(NORM)


def module(layer):
    """torchvision's name of a Keras layer; None for one that is not DenseNet's."""
    if layer in FIXED:
        return FIXED[layer]
    if found := re.fullmatch(r"conv([2-5])_block([1-9]\d?)_(0_bn|1_conv|1_bn|2_conv)", layer):
        block, index, part = found.groups()
        return f"features.denseblock{int(block) - 1}.denselayer{index}.{PARTS[part]}"
    if found := re.fullmatch(r"pool([2-4])_(bn|conv)", layer):
        block, part = found.groups()
        return f"features.transition{int(block) - 1}.{'norm' if part == 'bn' else 'conv'}"
    return None


def variables(file):
    """Yields (layer, variable, array); the variable is a name or, in `.weights.h5` files, a number."""
    found = []
    file.visititems(lambda path, item: found.append((path, item)) if isinstance(item, h5py.Dataset) else None)
    for path, item in found:
        steps = path.split("/")
        if steps[0] in ("optimizer", "optimizer_weights") or len(steps) < 2:
            continue
        if steps[-2] == "vars":
            layer = item.parent.attrs.get("name")
            if layer is None:
                sys.exit(f"{path}: the file does not note the layer's name; save it again with a newer Keras")
            yield (layer.decode() if isinstance(layer, bytes) else layer), int(steps[-1]), item[()]
        else:
            # .../LAYER/VARIABLE, where the oldest files have two layers with a slash in their names.
            pair = "/".join(steps[-3:-1])
            yield (pair if pair in FIXED else steps[-2]), steps[-1].split(":")[0], item[()]


def convert(file, epsilon):
    """The tensors under torchvision's names."""
    tensors, heads, strangers = {}, {}, []
    for layer, variable, array in variables(file):
        array = np.asarray(array)
        name = module(layer)
        if name is None:
            heads.setdefault(layer, {})[variable] = array
        elif ".conv" in name and variable in ("kernel", 0) and array.ndim == 4:
            tensors[f"{name}.weight"] = array.transpose(3, 2, 0, 1)
        elif ".norm" in name and array.ndim == 1:
            kind = NORM_ORDER[variable] if isinstance(variable, int) and variable < 4 else variable
            if kind == "moving_variance":
                array = array.astype(np.float64) + (epsilon - TORCH_EPSILON)
            tensors[f"{name}.{NORM.get(kind, kind)}"] = array
        else:
            strangers.append(f"{layer} {variable} of shape {array.shape}")
    dense = {layer: values for layer, values in heads.items() if any(v.ndim == 2 for v in values.values())}
    strangers += [f"{layer} (not a layer of DenseNet)" for layer in heads if layer not in dense]
    if len(dense) > 1:
        strangers += [f"{layer} (more than one dense layer)" for layer in dense]
    for values in list(dense.values())[:1]:
        for array in values.values():
            tensors["classifier.weight" if array.ndim == 2 else "classifier.bias"] = array.T
    float32 = {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in tensors.items()}
    return float32, strangers


def shapes(blocks):
    """Every tensor of the backbone with its shape, and the width of what the head sees."""
    expected = {}

    def norm(name, width):
        expected.update({f"{name}.{kind}": (width,) for kind in NORM.values()})

    expected["features.conv0.weight"] = (STEM, 3, 7, 7)
    norm("features.norm0", STEM)
    width = STEM
    for b, layers in enumerate(blocks, 1):
        for i in range(1, layers + 1):
            name = f"features.denseblock{b}.denselayer{i}"
            norm(f"{name}.norm1", width)
            expected[f"{name}.conv1.weight"] = (BOTTLENECK * GROWTH, width, 1, 1)
            norm(f"{name}.norm2", BOTTLENECK * GROWTH)
            expected[f"{name}.conv2.weight"] = (GROWTH, BOTTLENECK * GROWTH, 3, 3)
            width += GROWTH
        if b < len(blocks):
            norm(f"features.transition{b}.norm", width)
            expected[f"features.transition{b}.conv.weight"] = (width // 2, width, 1, 1)
            width //= 2
    norm("features.norm5", width)
    return expected, width


def recognise(tensors):
    """The architecture, from the number of layers in each block."""
    blocks = tuple(sum(f"denseblock{b}." in name and ".conv1." in name for name in tensors) for b in range(1, 5))
    for architecture, known in ARCHITECTURES.items():
        if known == blocks:
            return architecture
    known = ", ".join(f"{name} {blocks}" for name, blocks in ARCHITECTURES.items())
    sys.exit(f"blocks of {blocks} layers are none of {known}")


def check(tensors, strangers, architecture, classes):
    """Every way in which the file is not this network."""
    expected, width = shapes(ARCHITECTURES[architecture])
    head = tensors.get("classifier.weight")
    if head is not None:
        expected |= {"classifier.weight": (len(head), width), "classifier.bias": (len(head),)}
    problems = [*strangers]
    problems += [f"no {name}" for name in expected.keys() - tensors.keys()]
    problems += [f"{name} is unknown" for name in tensors.keys() - expected.keys()]
    for name in sorted(expected.keys() & tensors.keys()):
        if tensors[name].shape != expected[name]:
            problems.append(f"{name} of shape {tensors[name].shape} instead of {expected[name]}")
        if not np.isfinite(tensors[name]).all():
            problems.append(f"{name} with values that are not finite")
    if classes and (head is None or len(head) != len(classes)):
        problems.append(f"{len(classes)} classes for {'no' if head is None else len(head)} outputs")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("keras", help="the .h5 file")
    parser.add_argument("safetensors", help="the file to write")
    parser.add_argument("--classes", help="names in the order of the outputs, separated by commas")
    parser.add_argument("--input", default=INPUT, help="how images are prepared, as leap-binder's ImageSpec has it (%(default)s)")
    parser.add_argument("--epsilon", type=float, default=KERAS_EPSILON, help="of the batch norms (%(default)s)")
    options = parser.parse_args()

    classes = [name.strip() for name in options.classes.split(",")] if options.classes else None
    if classes and len(set(classes)) != len(classes):
        parser.error("the classes are not all different")
    if json.loads(options.input).get("scale") != "1/255":
        parser.error('--input needs "scale":"1/255"')
    with h5py.File(options.keras, "r") as file:
        tensors, strangers = convert(file, options.epsilon)
    architecture = recognise(tensors)
    if problems := check(tensors, strangers, architecture, classes):
        sys.exit(f"{options.keras} is not a plain {architecture}:\n  " + "\n  ".join(problems))
    metadata = {"architecture": architecture}
    if classes:
        metadata["classes"] = json.dumps(classes)
    metadata["input"] = options.input
    save_file(tensors, options.safetensors, metadata)
    head = tensors.get("classifier.weight")
    print(f"{options.safetensors}: {architecture}, {len(tensors)} tensors, {'no' if head is None else len(head)} classes")


if __name__ == "__main__":
    main()
