#!/usr/bin/python3
"""Fills tests/golden/ with what PyTorch computes for the paper's networks at their true widths.

    /usr/bin/python3 scripts/make_paper_golden.py [DIR]      (Debian's python3-torch; DIR: tests/golden)

Weights, inputs and targets are noise that tests/test_paper_nets.c draws alike (torch_nets.py). A tensor of
the results is kept as a digest: its norm, its products with two vectors of noise, and two of its elements.
Each net gives a safetensors file of doubles: parameters (their number), output, loss, grad.NAME of the first
step; then the losses before each of ten steps and the weights after them, trained.NAME.
"""
import json
import os
import struct
import sys

import numpy as np
import torch
from torch.nn import functional as F

from torch_nets import Imitator, LightCnn, ResNet50, Translator, draw, noise

STEPS = 10


def digest(t):
    v = t.detach().double().flatten().numpy()
    n = len(v)
    at = ((noise("elements", 2) + 1) / 2 * n).astype(np.int64)
    return [np.sqrt(np.sum(v * v)), v @ noise("one", n), v @ noise("two", n), v[at[0]], v[at[1]]]


def uniform(name, *shape):
    """In [0, 1), floats."""
    n = int(np.prod(shape))
    return torch.from_numpy(((noise(name, n) + 1) / 2).astype(np.float32)).double().reshape(shape)


def labels(classes, *shape):
    """0 .. classes; classes itself becomes 255, which has no loss."""
    label = (uniform("target", *shape) * (classes + 1)).long()
    label[label == classes] = 255
    return label


def sgd(rate):
    return lambda p: torch.optim.SGD(p, rate, momentum=.9)


def adam(p):
    return torch.optim.Adam(p, .001)


def cross_entropy(y, label):
    return F.cross_entropy(y, label, ignore_index=255)


# net, input, target, loss, optimiser; and the net whose parameters are counted
CASES = {
    "imitator": (lambda: Imitator(264, 128), uniform("x", 1, 264), uniform("target", 1, 3, 128, 128),
                 F.l1_loss, sgd(.01), lambda: Imitator(264, 512)),
    "lightcnn": (lambda: LightCnn(7, 32), uniform("x", 3, 1, 32, 32), labels(7, 3),
                 cross_entropy, sgd(.01), lambda: LightCnn(0, 128)),
    "segmenter": (lambda: ResNet50((2, 1, 1, 1), 11), uniform("x", 2, 3, 32, 32), labels(11, 2, 4, 4),
                  cross_entropy, sgd(.001), lambda: ResNet50((2, 1, 1, 1), 11)),
    "translator": (lambda: Translator(), uniform("x", 8, 256), uniform("target", 8, 264),
                   F.l1_loss, adam, lambda: Translator()),
}


def golden(make, x, target, loss_of, make_optimiser, make_full):
    net = make().double()
    draw(net)
    out = {"parameters": [sum(p.numel() for p in make_full().parameters())]}
    optimiser, losses = make_optimiser(net.parameters()), []
    for step in range(STEPS):
        optimiser.zero_grad()
        y = net(x)
        loss = loss_of(y, target)
        loss.backward()
        if step == 0:
            out["output"], out["loss"] = digest(y), [loss.item()]
            out.update({"grad." + k: digest(p.grad) for k, p in net.named_parameters()})
        losses.append(loss.item())
        optimiser.step()
    out["losses"] = losses
    out.update({"trained." + k: digest(v) for k, v in net.state_dict().items() if v.is_floating_point()})
    return out


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, values in tensors.items():
        raw = struct.pack("<%dd" % len(values), *values)
        header[name] = {"dtype": "F64", "shape": [len(values)], "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(
        os.path.dirname(os.path.abspath(__file__)), "..", "tests", "golden")
    for name, case in CASES.items():
        out = golden(*case)
        print(name, out["parameters"][0], "parameters, losses", *("%.4g" % v for v in out["losses"]))
        write_safetensors(os.path.join(folder, "paper-%s.safetensors" % name), out)


main()
