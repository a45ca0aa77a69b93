#!/bin/sh
# The benchmark counts what it times: operations of the one shot by hand, shares that add up.
set -u
dir=$(mktemp -d ./test_bench.XXXXXX) || exit 1
trap 'rm -rf "$dir"' EXIT

fail() {
    echo "FAILED: $*"
    cat "$dir/out"
    exit 1
}

./tests/bench oneshot --batch 1 --runs 1 --per-op --json "$dir/bench.json" >"$dir/out" 2>&1 || fail "it does not run"
grep -q '^oneshot [0-9.]* [0-9.]* [0-9.]* [0-9.]*/s [0-9]*MB$' "$dir/out" || fail "no line of figures"

# Convolutions of LightCNN-29v2 on 128x128, channels in x out x kernel x places x how many, its
# linear layer, and the translator's layers; twice that are operations.
want=$(awk 'BEGIN {
    n = 96 * 25 * 16384
    n += (48 * 96 * 9 * 2 + 48 * 96 + 48 * 192 * 9) * 4096
    n += (96 * 192 * 9 * 4 + 96 * 192 + 96 * 384 * 9) * 1024
    n += (192 * 384 * 9 * 6 + 192 * 384 + 192 * 256 * 9) * 256
    n += (128 * 256 * 9 * 8 + 128 * 256 + 128 * 256 * 9) * 256
    n += 8192 * 256
    n += 256 * 512 + 3 * (2 * 512 * 1024 + 2 * 512 * 16) + 512 * 264
    printf "%.4f", 2 * n / 1e9 }')
awk -v want="$want" -F '[:,]' '
    /"gflop"/ && !ops { total = $2 }
    /"ops"/ { ops = 1 }
    /"gflop"/ && ops { sum += $2 }
    /"share"/ { share += $2 }
    END {
        printf "%s wanted, %s in all, %s by kernels; shares %s\n", want, total, sum, share
        exit !((total - want) ^ 2 < 1e-6 && (sum - want) ^ 2 < 1e-6 && (share - 1) ^ 2 < 1e-6)
    }' "$dir/bench.json" || fail "operations are counted wrong"

./tests/bench none 2>"$dir/out" && fail "a row that is not there"
grep -q "there is no row 'none'" "$dir/out" || fail "it does not say which row"

# Sides 64 and 128: a place in the table, in the JSON and in two plots for each.
./tests/bench_size --size 128 --batch 1 --photos 0 --runs 1 --out "$dir/size" >"$dir/out" 2>&1 || fail "no cost against size"
[ "$(grep -cE '^ +(64|128) +1 +[0-9]' "$dir/out")" = 2 ] || fail "not two points"
[ "$(grep -c '"peak_mb"' "$dir/size.json")" = 2 ] || fail "not two points in the JSON"
[ "$(grep -c '<circle' "$dir/size.html")" = 4 ] || fail "not two points in each plot"
# A step of side 64 has the four layers 4x4 -> 64x64 of this many operations, three times (x, y and
# weights), and the first one twice.
want=$(awk 'BEGIN {
    n = 2 * 16 * 264 * 512 + 3 * 16 * (16 * 512 * 512 + 64 * 512 * 512 + 256 * 512 * 256 + 1024 * 256 * 3)
    printf "%.4f", 2 * n / 1e9 }')
awk -v want="$want" -F '[:,]' '/"gflop"/ { exit !(($2 - want) ^ 2 < 1e-6) }' "$dir/size.json" || fail "a step of side 64 is not $want GFLOP"
echo "passed"
