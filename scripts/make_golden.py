#!/usr/bin/python3
"""Fills tests/golden/ with what PyTorch computes for the two nets of tests/test_golden.c.

    /usr/bin/python3 scripts/make_golden.py [DIR]      (Debian's python3-torch; DIR: tests/golden)

Run by hand when a net below changes (then change tests/test_golden.c alike). Each net gives one
safetensors file: input, target, init.NAME, output and loss of the first step, grad.NAME, and after ten
steps of each optimiser the losses before each step and the weights: sgd.losses, sgd.NAME, adam.losses,
adam.NAME. PyTorch computes in double precision, so that the files hold the truth to float's last place.
"""
import json
import os
import struct
import sys

import torch
from torch import nn

STEPS = 10


class Conv(nn.Module):
    """Convolutions with batch-norm, both poolings and a linear layer; mean squared error."""
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(6)
        self.conv2 = nn.Conv2d(6, 8, 3, 2, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(8)
        self.conv3 = nn.Conv2d(8, 7, 1)
        self.linear = nn.Linear(7 * 2 * 2, 5)

    def forward(self, x):
        x = nn.functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = nn.functional.leaky_relu(self.bn2(self.conv2(x)), 0.2)
        x = nn.functional.avg_pool2d(self.conv3(x), 2, 1)
        return self.linear(x.flatten(1))

    input_shape, target_shape, loss = (6, 3, 12, 12), (6, 5), nn.MSELoss()


class Deconv(nn.Module):
    """The imitator in small: transposed convolutions with batch-norm; mean absolute error."""
    def __init__(self):
        super().__init__()
        self.deconv1 = nn.ConvTranspose2d(10, 12, 4, 1, 0, bias=False)
        self.bn1 = nn.BatchNorm2d(12)
        self.deconv2 = nn.ConvTranspose2d(12, 8, 4, 2, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(8)
        self.deconv3 = nn.ConvTranspose2d(8, 3, 4, 2, 1)

    def forward(self, x):
        x = torch.relu(self.bn1(self.deconv1(x[:, :, None, None])))
        x = torch.relu(self.bn2(self.deconv2(x)))
        return torch.sigmoid(self.deconv3(x))

    input_shape, target_shape, loss = (5, 10), (5, 3, 16, 16), nn.L1Loss()


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, t in tensors.items():
        t = t.detach().to(torch.float32).contiguous()
        raw = struct.pack("<%df" % t.numel(), *t.flatten().tolist())
        header[name] = {"dtype": "F32", "shape": list(t.shape) or [1],
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def state(net):
    """Parameters and running statistics, without the counters of batches."""
    return {k: v.clone() for k, v in net.state_dict().items() if v.is_floating_point()}


def golden(make, optimisers):
    net = make().double()
    # every number that the C side reads must be a float
    net.load_state_dict({k: v.float().double() if v.is_floating_point() else v
                         for k, v in net.state_dict().items()})
    x = torch.randn(net.input_shape).double()
    target = torch.rand(net.target_shape).double()
    start = state(net)
    out = {"input": x, "target": target}
    out.update({"init." + k: v for k, v in start.items()})
    for name, make_optimiser in optimisers.items():
        net.load_state_dict(start, strict=False)
        optimiser = make_optimiser(net.parameters())
        losses = []
        for step in range(STEPS):
            optimiser.zero_grad()
            y = net(x)
            loss = net.loss(y, target)
            loss.backward()
            if step == 0:
                out["output"], out["loss"] = y, loss
                out.update({"grad." + k: p.grad.clone() for k, p in net.named_parameters()})
            losses.append(loss.item())
            optimiser.step()
        out[name + ".losses"] = torch.tensor(losses, dtype=torch.float64)
        out.update({name + "." + k: v for k, v in state(net).items()})
    return out


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(
        os.path.dirname(os.path.abspath(__file__)), "..", "tests", "golden")
    torch.manual_seed(1)
    optimisers = {"sgd": lambda p: torch.optim.SGD(p, 0.05, momentum=0.9),
                  "adam": lambda p: torch.optim.Adam(p, 0.01)}
    for name, make in (("conv", Conv), ("deconv", Deconv)):
        write_safetensors(os.path.join(folder, name + ".safetensors"), golden(make, optimisers))


main()
