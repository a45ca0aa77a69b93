#!/usr/bin/python3
"""Fills tests/golden/ with small files of weights as PyTorch and NumPy write them, for tests/test_weights.c.

    /usr/bin/python3 scripts/make_torch_golden.py [DIR]      (Debian's python3-torch; DIR: tests/golden)

Element i of every tensor, in row-major order, is i / 2 - 3 (whole numbers: i; booleans: i is odd).
"""
import io
import os
import pickle
import struct
import sys
import tarfile
import tempfile
import zipfile
from collections import OrderedDict

import numpy as np
import torch

FLOATS = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32, "f64": torch.float64}
INTS = {"u8": torch.uint8, "i8": torch.int8, "i16": torch.int16, "i32": torch.int32, "i64": torch.int64}


def values(*shape, dtype=torch.float32):
    n = int(np.prod(shape))
    i = torch.arange(n, dtype=torch.float64)
    i = i % 2 if dtype == torch.bool else i if not dtype.is_floating_point else i / 2 - 3
    return i.to(dtype).reshape(shape)


def tensors():
    d = OrderedDict()
    for name, dtype in {**FLOATS, **INTS, "bool": torch.bool}.items():
        d["module." + name] = values(2, 3, dtype=dtype)
    d["module.conv.weight"] = values(2, 3, 2, 2)
    d["module.transposed"] = values(3, 4).t().contiguous().t()
    d["module.channels_last"] = values(2, 3, 2, 2).contiguous(memory_format=torch.channels_last)
    whole = torch.cat([torch.full((5,), 99.), values(4), torch.full((2,), 99.)])
    d["module.part"] = whole[5:9]                      # one storage, two tensors
    d["module.same_part"] = whole[5:9]
    every_third = torch.full((12,), 99.)
    every_third[1::3] = values(4)
    d["module.strided"] = every_third[1::3]
    d["module.bf16_column"] = values(3, 2, dtype=torch.bfloat16).t().contiguous().t()
    d["module.scalar"] = torch.tensor(-3.)
    d["module.empty"] = torch.zeros(0, 3)
    d["module.parameter"] = torch.nn.Parameter(values(2, 2))
    d._metadata = OrderedDict([("", {"version": 1})])  # as every state_dict has
    return d


def checkpoint():
    return {"epoch": 80, "arch": "LightCNN", "state_dict": tensors(), "prec1": 99.5, "best": True, "size": torch.Size([2, 3]),
            "optimizer": {"state": {0: {"step": 7, "moment": values(3)}}, "param_groups": [{"lr": .1, "params": [0]}]}}


class Python2Pickler(pickle._Pickler):
    """Python 2's protocol 2: its strings are bytes, its OrderedDict is made of a list of pairs."""
    dispatch = dict(pickle._Pickler.dispatch)

    def save_str(self, s):
        self.write(b"U" + bytes([len(s)]) + s.encode())
        self.memoize(s)

    dispatch[str] = save_str


class Python2Dict:
    def __init__(self, pairs):
        self.pairs = pairs

    def __reduce__(self):
        return OrderedDict, ([list(p) for p in self.pairs],)


class OldTensor:
    """As PyTorch 0.3 pickled tensors: _rebuild_tensor, without gradients and hooks."""
    def __init__(self, tensor):
        self.tensor = tensor

    def __reduce__(self):
        t = self.tensor
        return torch._utils._rebuild_tensor, (Storage(t), t.storage_offset(), tuple(t.size()), t.stride())


class Storage:
    def __init__(self, tensor):
        self.tensor = tensor


def python2_stream(f):
    """The old stream, as PyTorch 0.3 under Python 2.7 wrote it; a storage that is a part of another."""
    a, b = values(2, 3), values(4)
    storages = {"94": torch.cat([torch.full((3,), 99.), a.flatten(), b]), "17": values(5, dtype=torch.float64)}

    def persistent_id(o):
        if isinstance(o, Storage) and o.tensor is a:
            return "storage", torch.FloatStorage, "94", "cuda:0", 13, ("95", 3, 6)
        if isinstance(o, Storage) and o.tensor is b:
            return "storage", torch.FloatStorage, "94", "cuda:0", 13, ("96", 9, 4)
        if isinstance(o, Storage):
            return "storage", torch.DoubleStorage, "17", "cpu", 5, None
        return None

    def dump(o, ids=False):
        p = Python2Pickler(f, protocol=2)
        if ids:
            p.persistent_id = persistent_id
        p.dump(o)
    dump(0x1950a86a20f9469cfc6c)
    dump(1001)
    dump({"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}})
    dump({"epoch": 3, "state_dict": Python2Dict([("module.a", OldTensor(a)), ("module.b", OldTensor(b)),
                                                 ("module.c", OldTensor(values(5, dtype=torch.float64)))])}, True)
    dump(list(storages))
    for s in storages.values():
        f.write(struct.pack("<q", s.numel()) + s.numpy().tobytes())


class Tensor:
    """A tensor of the tar format; `part`: (elements before, elements after) of the storage it is a part of."""
    def __init__(self, tensor):
        self.tensor = tensor


def old_tar(evil=None):
    """The tar archive that torch.save wrote before 0.1.10; torch.load still reads it."""
    t = {0x7f0000000010 + 16 * i: v for i, v in enumerate(
        [values(2, 3, dtype=d) for d in (torch.float16, torch.float32, torch.float64, torch.uint8, torch.int8,
                                         torch.int16, torch.int32, torch.int64)])}
    transposed, whole = values(3, 4).t().contiguous().t(), torch.cat([torch.full((2,), 99.), values(5)])
    t[1], t[2], t[3] = transposed, whole[2:6], whole[2:7]
    t[4] = values(4)                                # its storage is a part of another
    names = ["f16", "f32", "f64", "u8", "i8", "i16", "i32", "i64", "transposed", "part", "same_part", "view"]
    kind = {v: k for k, v in {"Half": torch.float16, "Float": torch.float32, "Double": torch.float64, "Byte": torch.uint8,
                              "Char": torch.int8, "Short": torch.int16, "Int": torch.int32, "Long": torch.int64}.items()}
    root = torch.cat([torch.full((3,), 99.), t[4], torch.full((1,), 99.)])
    storages = {5000 + k: (v, "cpu") for k, v in t.items() if k not in (2, 3, 4)}
    storages[77], storages[78] = (whole, "cuda:0"), (root, "cpu")
    storage_of = {**{k: 5000 + k for k in t}, 2: 77, 3: 77, 4: 79}

    def dump(o, out, ids=False):
        p = Python2Pickler(out, protocol=2)
        if ids:
            p.persistent_id = lambda o: str([k for k, v in t.items() if v is o.tensor][0]) if isinstance(o, Tensor) else None
        p.dump(o)
    members = {n: io.BytesIO() for n in ("sys_info", "pickle", "tensors", "storages")}
    dump({"protocol_version": 1000, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 8}},
         members["sys_info"])
    d = OrderedDict(("module." + n, Tensor(v)) for n, v in zip(names, t.values()))
    dump({"epoch": 61, "arch": "LightCNN", "state_dict": Python2Dict(d.items()), "bad": evil}, members["pickle"], True)
    out = members["tensors"]
    dump(len(t), out)
    for k, v in t.items():
        cuda = torch.cuda if storages.get(storage_of[k], (0, ""))[1] == "cuda:0" else torch
        dump((k, storage_of[k], getattr(cuda, kind[v.dtype] + "Tensor")), out)
        sizes = [*v.size(), *v.stride(), v.storage_offset() if storage_of[k] == 77 else 0]
        out.write(struct.pack("<ii%dq" % len(sizes), v.dim(), 0, *sizes))
    out = members["storages"]
    dump(len(storages), out)
    for k, (v, place) in storages.items():
        dump((k, place, getattr(torch, kind[v.dtype] + "Storage")), out)
        flat = torch.tensor([], dtype=v.dtype).set_(v.storage(), 0, (len(v.storage()),))
        out.write(struct.pack("<q", len(flat)) + flat.numpy().tobytes())
    dump([(79, 78, 3, 4)], out)
    f = io.BytesIO()
    with tarfile.open(fileobj=f, mode="w:", format=tarfile.PAX_FORMAT) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data.getvalue()), 1500000000.25     # a fraction: a header of its own
            data.seek(0)
            tar.addfile(info, data)
    if evil is None:                                # PyTorch's own reader agrees
        with tempfile.NamedTemporaryFile() as file:
            file.write(f.getvalue())
            file.flush()
            read = torch.load(file.name, map_location="cpu")["state_dict"]
        assert all(torch.equal(read["module." + n], v) for n, v in zip(names, t.values()))
    return f.getvalue()


def deflated(data):
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            new.writestr(zipfile.ZipInfo(info.filename), old.read(info), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def saved(o, **options):
    f = io.BytesIO()
    torch.save(o, f, **options)
    return f.getvalue()


def arrays():
    a = {k: values(2, 3, dtype=t).numpy() for k, t in {**FLOATS, **INTS, "bool": torch.bool}.items() if k != "bf16"}
    a["net/fortran"] = np.asfortranarray(values(2, 3, 2).numpy())
    a["scalar"] = np.float32(-3)
    a["empty"] = np.zeros((0, 3), np.float32)
    return a


def npy(version):
    f = io.BytesIO()
    np.lib.format.write_array(f, values(2, 3).numpy(), version)
    return f.getvalue()


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(
        os.path.dirname(os.path.abspath(__file__)), "..", "tests", "golden")

    def write(name, data):
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)
    zipped = saved(checkpoint())
    write("torch-zip.pt", zipped)
    write("torch-deflated.pt", deflated(zipped))
    write("torch-stream.pt", saved(checkpoint(), _use_new_zipfile_serialization=False))
    write("torch-stream4.pt", saved(values(2, 3), _use_new_zipfile_serialization=False, pickle_protocol=4))
    f = io.BytesIO()
    python2_stream(f)
    write("torch-python2.pt", f.getvalue())
    write("torch-tar.pt", old_tar())
    write("torch-tar-evil.pt", old_tar(os.getcwd))           # names a function: must be refused
    write("torch-module.pt", saved(torch.nn.Linear(2, 1)))   # a whole module: must be refused
    for name, save in (("stored", np.savez), ("deflated", np.savez_compressed)):
        f = io.BytesIO()
        save(f, **arrays())
        write("numpy-" + name + ".npz", f.getvalue())
    for version in 1, 2, 3:
        write("numpy-%d.npy" % version, npy((version, 0)))


main()
