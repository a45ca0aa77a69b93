#!/bin/sh
# render_dataset as a user meets it: killed and run again, and its words when something is wrong.
# Needs engine.pack; skipped (77) without it.
set -u
data=${VISAGIST_DATA:-${srcdir:-.}/assets}
if ! test -r "$data/engine.pack"; then
    echo "skipped: $data/engine.pack is missing; scripts/setup.sh makes it"
    exit 77
fi
dir=$(mktemp -d ./test_render_dataset.XXXXXX) || exit 1
trap 'rm -rf "$dir"' EXIT
render="./apps/render_dataset --assets $data --size 64 --seed 5"

fail() {
    echo "FAILED: $*"
    exit 1
}

# CODE WORDS COMMAND...: that exit code and one line with the words.
refuses() {
    wanted=$1 words=$2
    shift 2
    "$@" >"$dir/out" 2>"$dir/err"
    code=$?
    test $code -eq "$wanted" || fail "$* gave exit code $code"
    test "$(wc -l <"$dir/err")" -eq 1 || fail "$* said more or less than one line: $(cat "$dir/err")"
    grep -q -- "$words" "$dir/err" || fail "$* did not say '$words' but: $(cat "$dir/err")"
}

$render --count 48 --out "$dir/whole" 2>/dev/null >/dev/null || fail "a plain run"
$render --count 48 --threads 1 --out "$dir/one" 2>/dev/null >/dev/null || fail "a run with one thread"
diff -r "$dir/whole" "$dir/one" || fail "the number of threads changes the set"

# At random moments, early ones and late ones.
kills=0
for i in 1 2 3 4 5 6; do
    $render --count 48 --out "$dir/part" 2>/dev/null >/dev/null &
    pid=$!
    sleep "$(awk -v seed="$pid" 'BEGIN { srand(seed); print .02 + .6 * rand() }')"
    kill -9 $pid 2>/dev/null && kills=$((kills + 1))
    wait $pid 2>/dev/null
done
test $kills -gt 0 || fail "no run was killed"
$render --count 48 --out "$dir/part" 2>/dev/null >/dev/null || fail "the run after $kills kills"
diff -r "$dir/whole" "$dir/part" || fail "a killed run differs from a whole one"

# No room: a limit of the system on a file's size stands for a full disk.
(
    trap '' XFSZ
    ulimit -f 400
    exec $render --count 48 --out "$dir/full" 2>"$dir/err" >/dev/null
) && fail "there was no room, but no error"
grep -q "$dir/full.*make room for it there and run again" "$dir/err" ||
    fail "a full disk says: $(cat "$dir/err")"
$render --count 48 --out "$dir/full" 2>/dev/null >/dev/null || fail "the run with room again"
diff -r "$dir/whole" "$dir/full" || fail "a run that had no room differs from a whole one"

refuses 1 "another configuration" $render --count 49 --out "$dir/whole"
refuses 1 "not empty" $render --out "$dir"
refuses 1 "cannot be made" $render --out "$dir/out/inner"
refuses 2 "--out DIR is missing" $render
refuses 2 "--kind is" $render --kind portrait --out "$dir/x"
refuses 2 "--count wants" $render --count 0 --out "$dir/x"
test ! -e "$dir/x" || fail "a refused run leaves a folder behind"
echo "ok, killed $kills times"
