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
render="./render_dataset --assets $data --size 64 --seed 5"

fail() {
    echo "FAILED: $*"
    exit 1
}

# Exit code 1 and one line with the words.
refuses() {
    words=$1
    shift
    "$@" >"$dir/out" 2>"$dir/err"
    code=$?
    test $code -eq 1 || fail "$* gave exit code $code"
    test "$(wc -l <"$dir/err")" -eq 1 || fail "$* said more or less than one line: $(cat "$dir/err")"
    grep -q -- "$words" "$dir/err" || fail "$* did not say '$words' but: $(cat "$dir/err")"
}

$render --count 48 --out "$dir/whole" 2>/dev/null >/dev/null || fail "a plain run"
$render --count 48 --threads 1 --out "$dir/one" 2>/dev/null >/dev/null || fail "a run with one thread"
diff -r "$dir/whole" "$dir/one" || fail "the number of threads changes the set"

kills=0
for i in 1 2 3; do
    $render --count 48 --out "$dir/part" 2>/dev/null >/dev/null &
    pid=$!
    sleep 0.4
    kill -9 $pid 2>/dev/null && kills=$((kills + 1))
    wait $pid 2>/dev/null
done
$render --count 48 --out "$dir/part" 2>/dev/null >/dev/null || fail "the run after $kills kills"
diff -r "$dir/whole" "$dir/part" || fail "a killed run differs from a whole one"

refuses "another configuration" $render --count 49 --out "$dir/whole"
refuses "not empty" $render --out "$dir"
refuses "cannot be made" $render --out "$dir/out/inner"
refuses "--out DIR is missing" $render
refuses "--kind is" $render --kind portrait --out "$dir/x"
refuses "--count wants" $render --count 0 --out "$dir/x"
test ! -e "$dir/x" || fail "a refused run leaves a folder behind"
echo "ok, killed $kills times"
