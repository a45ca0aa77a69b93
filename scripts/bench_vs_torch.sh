#!/usr/bin/env bash
# Times our networks in turns with the same ones in PyTorch, so that both meet the same machine, and
# prints the median rates and their ratio.
# usage: scripts/bench_vs_torch.sh PEER BUILD [ROUNDS [ROW ...]]
#   PEER     a Python program, run by $PYTHON or /usr/bin/python3: `PEER ROW --batch B --runs N
#            --threads T [--channels-last]` prints "ROW MEDIAN_S MIN_S MAX_S RATE/s MEMORYMB"; of its
#            two memory formats the faster one counts
#   BUILD    the build folder; tests/bench is made in it (if it has a Makefile), and its rows (bench --list) are ROW
#   ROUNDS   5
#   THREADS in the environment: all; RUNS: timed steps of each round (3); DEVICE: cpu, or cuda for
#   both, with PRECISION fp32 or tf32 (tf32; the peer takes --device cuda [--tf32])
set -euo pipefail

case ${1:-} in
'' | -h | --help) sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit ;;
esac
python=${PYTHON:-/usr/bin/python3} threads=${THREADS:-$(nproc)} runs=${RUNS:-3}
device=${DEVICE:-cpu} precision=${PRECISION:-tf32}
our_device=() their_device=()
if [ "$device" != cpu ]; then
    our_device=(--device "$device" --precision "$precision") their_device=(--device "$device")
    [ "$precision" = tf32 ] && their_device+=(--tf32)
fi
peer=$1 build=$2 rounds=${3:-5}
shift $(($# < 3 ? $# : 3))
[ ! -f "$build/Makefile" ] || make -s -C "$build" tests/bench
bench=$build/tests/bench
wanted=" ${*:-$("$bench" --list | cut -d ' ' -f 1 | tr '\n' ' ')} "

# COLUMN ...: of a line of figures that stdin ends in, to stdout.
figures() { awk -v row="$1" '$1 == row {print $2, $6 + 0}'; }
# FILE: median of the seconds, most of the memory.
summary() { sort -g "$1" | awk '{t[NR] = $1; m = $2 > m ? $2 : m} END {print t[int((NR + 1) / 2)], m}'; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "$threads threads, medians of $rounds rounds in turns"
printf '%-18s %5s %10s %10s %7s %8s %8s\n' row batch ours/s PyTorch/s ratio 'ours MB' 'PyT. MB'
while read -r row batch _; do
    [[ $wanted == *" $row "* ]] || continue
    rm -f "$work"/*
    for ((i = 0; i < rounds; i++)); do
        OMP_NUM_THREADS=$threads "$bench" "$row" --runs "$runs" "${our_device[@]}" | figures "$row" >>"$work/ours"
        for format in '' --channels-last; do
            "$python" "$peer" "$row" --batch "$batch" --runs "$runs" --threads "$threads" $format "${their_device[@]}" |
                figures "$row" >>"$work/torch$format"
        done
    done
    read -r ours memory < <(summary "$work/ours")
    read -r theirs theirs_memory < <(for f in "$work"/torch*; do summary "$f"; done | sort -g | head -n 1)
    awk -v row="$row" -v b="$batch" -v o="$ours" -v om="$memory" -v t="$theirs" -v tm="$theirs_memory" \
        'BEGIN {printf "%-18s %5d %10.3f %10.3f %7.2f %8.0f %8.0f\n", row, b, b / o, b / t, t / o, om, tm}'
done < <("$bench" --list)
