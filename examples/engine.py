#!/usr/bin/env python3
"""A game engine for Visagist in a few lines: a face of ellipses, and its label map.

engine.json names this program and schema.json; doc/engine-protocol.md is the protocol."""
import math
import struct
import sys

DIM = 12  # schema.json: 9 sliders, then hair: bald, short, long
LABELS = 1  # what this engine can do beside the portrait
BACKGROUND, SKIN, LEFT_BROW, RIGHT_BROW, LEFT_EYE, RIGHT_EYE, NOSE, UPPER, INNER, LOWER, HAIR = range(11)


def draw(x, size):
    """A picture, size x size x 3 bytes, and its labels, size x size bytes."""
    picture, labels = bytearray(b"\x5c\x62\x70" * size * size), bytearray(size * size)

    def ellipse(cx, cy, rx, ry, colour, label):
        """Centre and radii in units of the picture: -1 to 1, y downwards."""
        for row in range(size):
            h = ((2 * row + 1) / size - 1 - cy) / ry
            if abs(h) < 1:
                half = rx * math.sqrt(1 - h * h)
                first = max(0, round((cx - half + 1) * size / 2)) + row * size
                end = min(size, round((cx + half + 1) * size / 2)) + row * size
                if first < end:
                    picture[3 * first:3 * end] = bytes(colour) * (end - first)
                    labels[first:end] = bytes([label]) * (end - first)

    width, height, tone, eye, apart, brow, nose, mouth, lips = x[:9]
    hair = max(range(3), key=lambda k: x[9 + k])
    rx, ry = 0.42 + 0.14 * width, 0.6 + 0.14 * height
    skin = [round(245 - 150 * tone), round(215 - 150 * tone), round(190 - 145 * tone)]
    dark, brown = [round(0.8 * c) for c in skin], [70, 45, 30]
    if hair == 2:
        ellipse(0, 0.1, rx + 0.16, ry + 0.14, brown, HAIR)
    if hair:
        ellipse(0, -0.12, rx + 0.06, ry + 0.06, brown, HAIR)
    ellipse(0, 0, rx, ry, skin, SKIN)
    if hair:
        ellipse(0, -0.92 * ry, 0.72 * rx, 0.3 * ry, brown, HAIR)
    for side, eye_label, brow_label in ((1, LEFT_EYE, LEFT_BROW), (-1, RIGHT_EYE, RIGHT_BROW)):
        cx, r = side * (0.16 + 0.1 * apart), 0.05 + 0.05 * eye
        ellipse(cx, -0.1, 1.5 * r, r, [245, 245, 240], eye_label)
        ellipse(cx, -0.1, 0.8 * r, 0.8 * r, [60, 90, 120], eye_label)
        ellipse(cx, -0.22 - 0.1 * brow, 0.13, 0.025, brown, brow_label)
    ellipse(0, 0.06 + 0.05 * nose, 0.06, 0.08 + 0.06 * nose, dark, NOSE)
    w, full = 0.12 + 0.14 * mouth, 0.03 + 0.04 * lips
    ellipse(0, 0.36, w, full, [170, 80, 80], UPPER)
    ellipse(0, 0.37 + full / 2, w, full, [190, 95, 95], LOWER)
    return picture, labels


def read(n):
    data = sys.stdin.buffer.read(n)
    if len(data) < n:  # the end of the input: leave
        sys.exit()
    return data


def answer(kind, payload):
    sys.stdout.buffer.write(kind + struct.pack("<I", len(payload)) + payload)
    sys.stdout.buffer.flush()


while True:
    kind, length = struct.unpack("<4sI", read(8))
    message = read(length)
    if kind == b"HELO":
        answer(b"SELF", struct.pack("<3I", 1, DIM, LABELS))
    elif kind == b"DRAW":
        size, wanted = struct.unpack_from("<2I", message)  # then 13 floats of view and light
        picture, labels = draw(struct.unpack_from("<%df" % DIM, message, 60), size)
        head = struct.pack("<4I", size, size, 0, len(picture))
        answer(b"PICT", head + picture + (labels if wanted & LABELS else b""))
    else:
        answer(b"FAIL", b"unknown message")
