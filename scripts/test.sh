#!/usr/bin/env bash
# Set-up, then every test; the last line counts them.
# usage: scripts/test.sh [--assets DIR]   (see scripts/setup.sh --help)
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
case ${1:-} in
-h | --help) sed -n '2,3s/^# //p' "${BASH_SOURCE[0]}"; exit ;;
esac
export CUDA_ARCHS=${CUDA_ARCHS:-80} # where there is nvcc: one GPU's code, and PTX for newer ones, is quicker to compile
"$top/scripts/setup.sh" "$@"

count() { # LABEL TRS-FILES: how many have that result
    cat "${@:2}" | grep -c "^:test-result: $1" || true
}

# Runs make check in a build folder and reports from its .trs files.
passed=0 failed=0 skipped=0
check() { # BUILD-FOLDER WHAT
    local log=$1/check.log ok=yes
    printf 'test: %s\n' "$2"
    make -s -C "$1" -j"$(nproc)" check >"$log" 2>&1 || ok=no
    mapfile -t results < <(find "$1" -name '*.trs')
    if [ ${#results[@]} = 0 ]; then
        tail -n 40 "$log"
        printf 'test: %s did not build\n' "$2"
        failed=$((failed + 1))
        return
    fi
    grep -E '^(PASS|FAIL|SKIP|XPASS|ERROR):' "$log" | sort || true
    [ $ok = yes ] || {
        cat "$1/test-suite.log" 2>/dev/null || tail -n 40 "$log"
    }
    passed=$((passed + $(count PASS "${results[@]}")))
    failed=$((failed + $(count 'FAIL\|ERROR\|XPASS' "${results[@]}")))
    skipped=$((skipped + $(count SKIP "${results[@]}")))
}

check "$top/build" 'the product build'

# The same tests under AddressSanitizer and UndefinedBehaviorSanitizer.
sanitized=$top/build-sanitized
mkdir -p "$sanitized"
(cd "$sanitized" && { [ -f Makefile ] || CFLAGS='-O1 -g' CXXFLAGS='-O1 -g' "$top/configure" -q --without-cuda --enable-asan --enable-ubsan; })
check "$sanitized" 'the AddressSanitizer and UBSan build'

printf '%d passed, %d failed, %d skipped\n' $passed $failed $skipped
[ $failed = 0 ]
