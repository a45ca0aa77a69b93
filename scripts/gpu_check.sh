#!/usr/bin/env bash
# Runs everything that needs a GPU: the tests, the tests again under compute-sanitizer, the programs
# on the GPU against the CPU, the benchmarks. Meant to take less than 25 minutes (it has not met a
# GPU yet); the last line says how many failed.
# usage: scripts/gpu_check.sh [--from FILE] [PHASE ...]   phases: tests races programs bench (all)
#        scripts/gpu_check.sh --pack FILE
#   FILE     a .tar.xz: what a GPU machine needs that has the CUDA toolkit, but not our libraries or
#            no network to fetch them. --pack makes it on a machine that builds; --from runs it.
#            Without --from the sources are built here, in build-gpu/.
#   in the environment: OUT, folder for logs and figures (./gpu-check); PEER, a Python program for
#            scripts/bench_vs_torch.sh to compare with; VISAGIST_DATA, the assets, for `programs`
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
die() { printf 'gpu_check: %s\n' "$*" >&2; exit 1; }
usage() { sed -n '2,13s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

tests=(test_cuda_ops test_cuda_ops_float test_cuda_optim test_cuda_optim_float test_cuda_nets
    test_cuda_nets_float test_cuda_run)
programs=(apps/render_dataset apps/train_imitator apps/search tests/bench tests/test_ops "${tests[@]/#/tests/}")

build_here() { # FOLDER [CONFIGURE-OPTION ...]
    [ -x "$top/configure" ] || (cd "$top" && autoreconf -fi)
    mkdir -p "$1"
    (cd "$1" && { [ -f Makefile ] || "$top/configure" -q --with-cuda "${@:2}"; } &&
        make -s -j"$(nproc)" "${programs[@]}") || die "it does not build; see above"
}

pack() { # FILE: programs, their libraries but for the C library's and CUDA's, the engine's content
    local build=$top/build-gpu-pack
    build_here "$build" --disable-native
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$work"/{lib,apps,tests,data}
    [ ! -f "${VISAGIST_DATA:-$top/assets}/engine.pack" ] || cp "${VISAGIST_DATA:-$top/assets}/engine.pack" "$work/data/"
    for p in "${programs[@]}"; do
        strip -o "$work/$p" "$build/$p"
        ldd "$build/$p"
    done | awk '$3 ~ /^\// && !/cuda|\/lib(c|m|dl|rt|pthread)\.so/ {print $3}' | sort -u |
        xargs -I{} cp -L {} "$work/lib/"
    # Level 9 looks far enough back to find that the programs have their kernels in common.
    XZ_OPT=-9 tar -C "$work" -cJf "$1" lib apps tests data
    printf 'gpu_check: %s, %d MiB\n' "$1" $(($(stat -c %s "$1") >> 20))
}

case ${1:-} in
-h | --help) usage; exit ;;
--pack) [ $# = 2 ] || { usage >&2; exit 2; }; pack "$2"; exit ;;
esac

build=$top/build-gpu from=
if [ "${1:-}" = --from ]; then
    [ $# -ge 2 ] && [ -f "$2" ] || { usage >&2; exit 2; }
    from=$2
    shift 2
fi
phases=("$@")
[ $# -gt 0 ] || phases=(tests races programs bench)
command -v nvidia-smi >/dev/null && nvidia-smi -L || die 'there is no NVIDIA driver here'
out=$(mkdir -p "${OUT:-gpu-check}" && cd "${OUT:-gpu-check}" && pwd)
if [ -n "$from" ]; then
    build=$(mktemp -d)
    trap 'rm -rf "$build"' EXIT
    tar -C "$build" -xJf "$from"
    ln -s "$top/presets" "$top/engine/schemas" "$build/data/"
    export VISAGIST_DATA=$build/data
    nvcc=$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)
    export LD_LIBRARY_PATH=$build/lib:$(dirname "$nvcc")/../lib64${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
else
    build_here "$build"
fi
[ -z "${PEER:-}" ] || PEER=$(realpath "$PEER")
cd "$build"
export OMP_WAIT_POLICY=passive

failed=0
try() { # LABEL SECONDS COMMAND ...: its output to OUT/LABEL.log, a line here
    local label=$1 rc=0 start=$SECONDS
    timeout "$2" "${@:3}" >"$out/$label.log" 2>&1 || rc=$?
    if [ $rc = 0 ]; then
        printf 'PASS %4ds %s\n' $((SECONDS - start)) "$label"
    else
        printf 'FAIL %4ds %s (exit code %d)\n' $((SECONDS - start)) "$label" $rc
        tail -n 15 "$out/$label.log"
        failed=$((failed + 1))
    fi
}

phase_tests() {
    for t in "${tests[@]}"; do
        try "$t" 150 "tests/$t"
    done
}

phase_races() {
    command -v compute-sanitizer >/dev/null || { echo 'no compute-sanitizer here: races are not looked for'; return; }
    # Not of calls that fail: a test asks for more memory than there is.
    local memcheck=(--tool memcheck --report-api-errors no) racecheck=(--tool racecheck)
    for tool in memcheck racecheck; do
        local -n options=$tool
        for t in test_cuda_run test_cuda_nets_float test_cuda_ops_float; do
            try "$tool-$t" 120 compute-sanitizer "${options[@]}" --error-exitcode 9 "tests/$t"
        done
    done
    try leaks 120 compute-sanitizer "${memcheck[@]}" --leak-check full --error-exitcode 9 tests/test_cuda_run
}

# FILE: the last loss of a run's log.
last_loss() { grep -o '"loss": *[0-9.e+-]*' "$1" | tail -n 1 | cut -d : -f 2; }

same_loss() { # A B: two runs learn alike
    local a b
    a=$(last_loss "$out/$1/log.jsonl") b=$(last_loss "$out/$2/log.jsonl")
    echo "last loss: $1 $a, $2 $b"
    awk -v a="$a" -v b="$b" 'BEGIN {d = (a - b) / a; exit !(a > 0 && d < .02 && d > -.02)}'
}

phase_programs() {
    local engine=builtin:male
    [ -f "${VISAGIST_DATA:-$top/assets}/engine.pack" ] || { echo 'no assets: the programs are not run (VISAGIST_DATA)'; return; }
    export VISAGIST_DATA=${VISAGIST_DATA:-$top/assets}
    rm -rf "$out"/{renders,train-cpu,train-fp32,train-tf32,train-bf16,train-half,search}
    try render 120 apps/render_dataset --engine $engine --count 256 --size 64 --out "$out/renders"
    try train-cpu 180 apps/train_imitator --engine $engine --data "$out/renders" --size 64 \
        --steps 60 --out "$out/train-cpu"
    for precision in fp32 tf32 bf16; do
        try train-$precision 120 apps/train_imitator --engine $engine --data "$out/renders" --size 64 \
            --steps 60 --device cuda --precision $precision --out "$out/train-$precision"
    done
    try train-resumed 120 apps/train_imitator --engine $engine --data "$out/renders" --size 64 \
        --steps 60 --device cuda --stop-after 20 --out "$out/train-half"
    try train-on 120 apps/train_imitator --engine $engine --data "$out/renders" --resume --device cpu \
        --out "$out/train-half"
    export -f same_loss last_loss
    for precision in fp32 tf32 bf16; do
        try same-loss-$precision 10 env out="$out" bash -c "same_loss train-cpu train-$precision"
        cat "$out/same-loss-$precision.log"
    done
    [ -n "$from" ] || # without dlib's model of landmarks, which is large
        try search 120 apps/search "$VISAGIST_DATA/samples/sample1.jpg" --device cuda --out "$out/search"
}

phase_bench() {
    for precision in tf32 fp32 bf16; do
        try "bench-$precision" 240 tests/bench --device cuda --precision $precision --runs 20 --per-op \
            --json "$out/bench-$precision.json"
        grep '/s ' "$out/bench-$precision.log" || true
    done
    try bench-64 120 tests/bench --device cuda --runs 20 --batch 64 imitator_train lightcnn_train oneshot
    grep '/s ' "$out/bench-64.log" || true
    [ -z "${PEER:-}" ] || try peer 420 env DEVICE=cuda RUNS=20 PYTHON="${PYTHON:-python3}" \
        "$top/scripts/bench_vs_torch.sh" "$PEER" "$build" 2
    [ ! -f "$out/peer.log" ] || cat "$out/peer.log"
}

for phase in "${phases[@]}"; do
    declare -F "phase_$phase" >/dev/null || die "there is no phase '$phase'"
    "phase_$phase"
done
printf '%d failed\n' $failed
[ $failed = 0 ]
