#!/bin/sh
# import_weights on files made by PyTorch: published layouts give the very bits, and everything else one sentence.
# The paper's segmenter starts its training from torchvision's ResNet-50.
# usage: test_import.sh [BUILD_DIR]; needs a Python with torch (else 77): $PYTHON, or /usr/bin/python3.
build=${1:-.}
here=$(cd "$(dirname "$0")/.." && pwd)
import=$build/apps/import_weights
python=${PYTHON:-/usr/bin/python3}
[ -x "$import" ] && [ -x "$build/apps/train_segmenter" ] || { echo "skipped: $import is not built"; exit 77; }
"$python" -c 'import torch' 2> /dev/null || { echo "skipped: $python has no torch"; exit 77; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

PYTHONPATH=$here/scripts PYTHONDONTWRITEBYTECODE=1 "$python" - "$work" << 'EOF' || exit 1
import os, sys
from collections import OrderedDict
import numpy as np
import torch
from torch_nets import LightCnn, ResNet50

os.chdir(sys.argv[1])
torch.manual_seed(1)
light = LightCnn(800).state_dict()          # published: of 80013 people; fewer are as good here
module = OrderedDict(("module." + k, v) for k, v in light.items())
torch.save({"epoch": 80, "arch": "LightCNN", "state_dict": module, "prec1": 99.5}, "light.pth.tar",
           _use_new_zipfile_serialization=False)
torch.save(light, "light.pt")
np.savez("light.npz", **{k: v.numpy() for k, v in light.items()})
res = ResNet50((1, 2, 2, 2), 1000).state_dict()
torch.save(res, "res.pth")
np.savez("want.npz", **{"light." + k: v.numpy() for k, v in light.items()},
         **{"res." + k: v.numpy() for k, v in res.items()})

torch.save(LightCnn(0, 64).state_dict(), "small.pt")
torch.save({k: v for k, v in light.items() if k != "group4.conv.filter.bias"}, "lacks.pt")
torch.save({**light, "block1.1.conv1.filter.bias": torch.zeros(96)}, "more.pt")
torch.save({**light, "fc.bias": torch.zeros(256, dtype=torch.int64)}, "whole.pt")

class Evil:
    def __reduce__(self):
        return os.system, ("touch %s/harm" % os.getcwd(),)
torch.save({**light, "fc.bias": Evil()}, "evil.pt")
torch.save({**light, "fc.bias": Evil()}, "evil.pth.tar", _use_new_zipfile_serialization=False)
# Photos with label maps, for a step of training.
import struct, zlib
os.mkdir("photos")
def png(path, pixels):
    h, w = pixels.shape[:2]
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    open(path, "wb").write(b"\x89PNG\r\n\x1a\n" +
                           chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 2 if pixels.ndim == 3 else 0, 0, 0, 0)) +
                           chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
for i in range(3):
    png("photos/%d.jpg" % i, np.random.default_rng(i).integers(0, 256, (32, 32, 3), np.uint8))
    png("photos/%d.png" % i, np.full((32, 32), i, np.uint8))
open("cut.pth.tar", "wb").write(open("light.pth.tar", "rb").read()[:3000000])
EOF

# NAME PATTERN ARGUMENTS...: import_weights succeeds, and a line of its report matches.
imports() {
    name=$1 pattern=$2
    shift 2
    if ! "$import" "$@" > "$work/out" 2>&1 || ! grep -q "$pattern" "$work/out"; then
        echo "FAIL $name: $(head -n 20 "$work/out")"
        failed=1
    else
        echo "ok   $name: $(grep matched "$work/out")"
    fi
}

# CODE NAME PATTERN ARGUMENTS...: it fails with that exit code and one line that matches, and writes nothing.
refuses() {
    wanted=$1 name=$2 pattern=$3
    shift 3
    "$import" "$@" > "$work/out" 2> "$work/err"
    code=$?
    lines=$(wc -l < "$work/err")
    if [ "$code" -ne "$wanted" ] || [ "$lines" -ne 1 ] || ! grep -q "$pattern" "$work/err"; then
        echo "FAIL $name: exit $code, $lines lines: $(cat "$work/err")"
        failed=1
    elif [ -e "$work/no.safetensors" ] || [ -e "$work/harm" ]; then
        echo "FAIL $name: something was written"
        failed=1
    else
        echo "ok   $name: $(sed "s|$work/||g" "$work/err")"
    fi
}

light="--net lightcnn29v2 --out"
imports "as published" 'under state_dict.module.$' "$work/light.pth.tar" $light "$work/a.safetensors"
imports "a classifier left" 'left .*fc2.weight (800x256): tells' "$work/light.pth.tar" $light "$work/a.safetensors"
imports "a state_dict" 'matched 60 tensors, 10475872 values$' "$work/light.pt" $light "$work/b.safetensors"
imports ".npz" 'matched 60 tensors, 10475872 values$' "$work/light.npz" $light "$work/c.safetensors"
imports "an import again" 'matched 60 tensors' "$work/a.safetensors" $light "$work/d.safetensors"
imports "resnet50" 'left .*fc.bias (1000): tells ImageNet' "$work/res.pth" --net resnet50 --out "$work/res.safetensors"
imports "its head" 'to be trained: head.weight' "$work/res.pth" --net resnet50 --out "$work/res.safetensors"

no="$light $work/no.safetensors"
refuses 1 "another size" 'fc.weight is 256x2048 in it, but fc.weight of lightcnn29v2 is 256x8192' "$work/small.pt" $no
refuses 1 "a tensor missing" 'lacks group4.conv.filter.bias (256)' "$work/lacks.pt" $no
refuses 1 "a tensor too many" 'block1.1.conv1.filter.bias is in it, but not in lightcnn29v2' "$work/more.pt" $no
refuses 1 "no floats" 'fc.bias is of type i64' "$work/whole.pt" $no
refuses 1 "another net" 'no conv1.filter.weight in it' "$work/res.pth" $no
refuses 1 "code in a zip" 'posix.system' "$work/evil.pt" $no
refuses 1 "code in a stream" 'posix.system' "$work/evil.pth.tar" $no
refuses 1 "a file cut short" 'cut short' "$work/cut.pth.tar" $no
refuses 1 "no file" 'none.pt' "$work/none.pt" $no
refuses 2 "an unknown net" 'resnet18' "$work/res.pth" --net resnet18 --out "$work/no.safetensors"
refuses 2 "no output" 'out FILE' "$work/res.pth" --net resnet50

# The same start from PyTorch's file and from its import, whose head is not trained and so not taken.
segmenter=$build/apps/train_segmenter
for from in res.pth res.safetensors; do
    run=$work/run-$from
    if ! "$segmenter" --preset paper --size 32 --batch 2 --steps 1 --lr 1e-12 --seed 5 --data "$work/photos" \
        --init "$work/$from" --out "$run" > "$work/out" 2>&1; then
        echo "FAIL a segmenter from $from: $(cat "$work/out")"
        failed=1
    elif ! grep -q "start: 265 tensors of .*$from; new: head.weight head.bias$" "$work/out"; then
        echo "FAIL a segmenter from $from does not tell: $(cat "$work/out")"
        failed=1
    fi
    rm -f "$run/best.safetensors"
done
cmp "$work/run-res.pth/last.safetensors" "$work/run-res.safetensors/last.safetensors" || failed=1
mv "$work/run-res.pth/last.safetensors" "$work/started.safetensors"
rm -r "$work"/run-*
"$segmenter" --size 32 --batch 2 --steps 1 --data "$work/photos" --init "$work/res.pth" --out "$work/no" \
    > "$work/out" 2> "$work/err"
if [ $? -ne 1 ] || ! grep -q 'res.pth: .*conv1.weight is 64x3x7x7 in it' "$work/err"; then
    echo "FAIL a small segmenter from it: $(cat "$work/err")"
    failed=1
fi

"$python" - "$work" << 'EOF' || failed=1
import json, os, struct, sys
import numpy as np
os.chdir(sys.argv[1])
want = np.load("want.npz")

def read(path):
    with open(path, "rb") as f:
        n, = struct.unpack("<Q", f.read(8))
        header, data = json.loads(f.read(n)), f.read()
    meta = header.pop("__metadata__")
    return meta, {k: np.frombuffer(data[slice(*v["data_offsets"])], np.float32).reshape(v["shape"])
                  for k, v in header.items()}

for path, prefix, net, n in (("a", "light.", "lightcnn", 60), ("b", "light.", "lightcnn", 60),
                             ("c", "light.", "lightcnn", 60), ("d", "light.", "lightcnn", 60),
                             ("res", "res.", "segmenter", 267)):
    meta, have = read(path + ".safetensors")
    assert meta["visagist.net"] == net, meta
    if path == "a":
        assert json.loads(meta["visagist.training"])["says"]["arch"] == "LightCNN", meta
    assert len(have) == n, len(have)
    for name, v in have.items():
        if not name.startswith("head."):
            assert v.tobytes() == want[prefix + name].tobytes() and v.shape == want[prefix + name].shape, name
print("ok   the imported weights are PyTorch's, bit for bit")

# After a step of next to nothing; the running statistics are of the photos by then.
meta, have = read("started.safetensors")
_, imported = read("res.safetensors")
convs = [k for k in have if "res." + k in want and not "running" in k and not k.startswith("optimizer.")]
assert len(convs) == 159, len(convs)
for k in convs:
    assert np.abs(have[k] - want["res." + k]).max() < 1e-7, k
assert np.abs(have["head.weight"] - imported["head.weight"]).max() > 1e-3, "the head is not the run's own"
print("ok   the segmenter's training starts from ResNet-50, with a new head")
EOF
exit $failed
