#!/usr/bin/env bash
# Times the one-shot mode (F_recg and T') in turns with the same networks in PyTorch, so that both
# meet the same machine, and prints the median rates and their ratio.
# usage: scripts/bench_vs_torch.sh PEER BUILD [ROUNDS [BATCH [THREADS]]]
#   PEER     a Python program, run by $PYTHON or /usr/bin/python3; `PEER oneshot --batch B --runs N
#            --threads T` prints "oneshot MEDIAN_S ..." of the paper's networks on 512x512 pictures
#   BUILD    the build folder; tests/bench_one_shot is made in it
set -euo pipefail

case ${1:-} in
'' | -h | --help) sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit ;;
esac
python=${PYTHON:-/usr/bin/python3}
peer=$1 build=$2 rounds=${3:-7} batch=${4:-4} threads=${5:-$(nproc)} runs=5
make -s -C "$build" tests/bench_one_shot

ours=() theirs=() small=()
for ((i = 0; i < rounds; i++)); do
    ours+=("$(OMP_NUM_THREADS=$threads "$build/tests/bench_one_shot" paper "$batch" $runs | awk '/^oneshot/ {print $2}')")
    theirs+=("$("$python" "$peer" oneshot --batch "$batch" --runs $runs --threads "$threads" | awk '/^oneshot/ {print $2}')")
    small+=("$(OMP_NUM_THREADS=$threads "$build/tests/bench_one_shot" small "$batch" $runs | awk '/^oneshot/ {print $2}')")
done
median() { printf '%s\n' "$@" | sort -g | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
awk -v o="$(median "${ours[@]}")" -v t="$(median "${theirs[@]}")" -v s="$(median "${small[@]}")" \
    -v b="$batch" -v n="$threads" -v r="$rounds" 'BEGIN {
    printf "one-shot, batch %d, %d threads, median of %d rounds in turns\n", b, n, r
    printf "paper, ours    %8.1f photos/s\n", b / o
    printf "paper, PyTorch %8.1f photos/s\n", b / t
    printf "ratio          %8.2f\n", t / o
    printf "small, ours    %8.1f photos/s\n", b / s
}'
