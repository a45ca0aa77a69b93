#!/usr/bin/python3
"""Writes tests/golden/verification.json: face.evoLVe's verification by numpy, of pairs that
tests/test_verification.c draws alike; and pairs.bin beside it, for tests/test_pair_table.c.

    /usr/bin/python3 scripts/make_verification_golden.py [FILE]      (Debian's python3-numpy)

calculate_roc is face.evoLVe's (util/utils.py and verification.py), with KFold and PCA of scikit-learn
written out.
"""
import json
import os
import pickle
import sys

import numpy as np

PAIRS, DIM, FOLDS = 257, 7, 10


def draw():
    """Embeddings with all values positive; a same pair shares half of each value."""
    state = 1

    def uniform():
        nonlocal state
        state = (1664525 * state + 1013904223) % 2**32
        return (state >> 8) / 2**24

    a, b = np.zeros((PAIRS, DIM), np.float32), np.zeros((PAIRS, DIM), np.float32)
    same = np.zeros(PAIRS, bool)
    for i in range(PAIRS):
        same[i] = uniform() < .4
        for k in range(DIM):
            a[i, k] = uniform()
            other = uniform()
            b[i, k] = (a[i, k] + other) / 2 if same[i] else other
    return a.astype(np.float64), b.astype(np.float64), same


def normalise(v):
    return v / np.linalg.norm(v, axis=1, keepdims=True)


def folds():
    """KFold(10, shuffle=False)."""
    sizes = np.full(FOLDS, PAIRS // FOLDS)
    sizes[:PAIRS % FOLDS] += 1
    return np.split(np.arange(PAIRS), np.cumsum(sizes)[:-1])


def transform(train, components):
    """PCA(n_components).fit(train).transform, or the subtraction of the mean alone."""
    mean = train.mean(axis=0)
    if components is None:
        return lambda v: v - mean
    directions = np.linalg.svd(train - mean, full_matrices=False)[2][:components]
    return lambda v: (v - mean) @ directions.T


def calculate_accuracy(threshold, dist, same):
    predict = np.less(dist, threshold)
    return np.mean(predict == same)


def verify(a, b, same, move):
    thresholds = np.arange(0, 4, .01)
    accuracy, best, held_out = [], [], np.zeros(PAIRS)
    for test in folds():
        train = np.setdiff1d(np.arange(PAIRS), test)
        p, q = a, b
        if move is not None:
            f = transform(np.concatenate([a[train], b[train]]), move["components"])
            p, q = f(a), f(b)
            if move.get("root"):
                p, q = (np.sign(v) * np.sqrt(np.abs(v)) for v in (p, q))
            p, q = normalise(p), normalise(q)
        dist = np.sum(np.square(p - q), 1)
        acc_train = [calculate_accuracy(t, dist[train], same[train]) for t in thresholds]
        best.append(thresholds[np.argmax(acc_train)])
        accuracy.append(calculate_accuracy(best[-1], dist[test], same[test]))
        held_out[test] = dist[test]
    near, far = held_out[same], np.sort(held_out[~same])
    area = np.mean((near[:, None] < far[None, :]) + .5 * (near[:, None] == far[None, :]))
    tar = []
    for rate in (.1, .01, .001):
        passed = [t for t in np.append(far, 9) if np.sum(far < t) <= rate * len(far)]
        tar.append(np.mean(near < max(passed)))
    return {"accuracy": np.mean(accuracy), "deviation": np.std(accuracy), "threshold": np.mean(best),
            "fold_accuracy": accuracy, "fold_threshold": best, "area": area, "tar": tar}


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    path = sys.argv[1] if len(sys.argv) > 1 else here + "/../tests/golden/verification.json"
    a, b, same = draw()
    a, b = normalise(a), normalise(b)
    moves = {"plain": None, "centre": {"components": None}, "components": {"components": 4},
             "root": {"components": DIM, "root": True}}
    result = {name: verify(a, b, same, move) for name, move in moves.items()}
    with open(path, "w") as f:
        json.dump(result, f, indent=1)
        f.write("\n")
    with open(os.path.dirname(path) + "/pairs.bin", "wb") as f:  # as insightface's sets
        pickle.dump(([b"one", b"two", b"one", b"x" * 300, b"two", b"one"], [True, False, True]), f)


main()
