#!/bin/sh
# fit_prior: what it learns, what it draws, its report, and one sentence for every wrong input.
# usage: test_fit_prior.sh [BUILD_DIR]; needs the asset pack (else 77).
build=${1:-.}
here=$(cd "$(dirname "$0")/.." && pwd)
assets=${VISAGIST_DATA:-$here/assets}
fit=$build/apps/fit_prior
[ -x "$fit" ] || { echo "skipped: $fit is not built"; exit 77; }
[ -r "$assets/engine.pack" ] || { echo "skipped: engine.pack is missing (scripts/setup.sh makes it)"; exit 77; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0
fail() { echo "FAIL $*"; failed=1; }

# 60 men who differ in three of the macro controls, two of them always together, and in one of the nose.
awk -v out="$work/men" 'BEGIN {
    srand(7)
    for (i = 0; i < 60; i++) {
        a = 0.3 + 0.4 * rand(); b = 0.4 + 0.2 * rand(); c = 0.45 + 0.1 * rand()
        folder = sprintf("%s/%02d", out, i)
        system("mkdir -p " folder)
        printf "{\"schema\": \"male\", \"version\": 2, \"continuous\": {\"head-width\": %.4f, \"chin-width\": %.4f, \"head-height\": %.4f, \"nose-tip.tz\": %.4f}, \"discrete\": {\"beard\": \"%s\"}}\n", \
            a, a, b, c, i % 4 ? "none" : "full" > (folder "/character.json")
        close(folder "/character.json")
    }
}'
"$fit" --engine builtin:male --characters "$work/men" --out "$work/prior.safetensors" --energy 0.999 \
    --report "$work/prior.html" > "$work/out" || fail "it does not fit"
grep -q 'learned from 60 characters' "$work/out" || fail "the count: $(cat "$work/out")"
awk '$1 == "macro" && $3 == 2 && $4 > 0.999 || $1 == "nose" && $3 == 1 { n++ } END { exit n != 2 }' "$work/out" ||
    fail "the components: $(cat "$work/out")"
for what in '<svg' 'macro' 'data:image/png' 'With the prior'; do
    grep -q "$what" "$work/prior.html" || fail "the report has no $what"
done

"$fit" --engine builtin:male --prior "$work/prior.safetensors" --draw 80 --out "$work/people.safetensors" > /dev/null &&
    "$fit" --engine builtin:male --prior "$work/prior.safetensors" --draw 80 --out "$work/again.safetensors" > /dev/null &&
    cmp -s "$work/people.safetensors" "$work/again.safetensors" || fail "it does not draw the same people twice"
"$fit" --engine builtin:male --prior "$work/prior.safetensors" --draw 80 --seed 2 --out "$work/again.safetensors" > /dev/null
cmp -s "$work/people.safetensors" "$work/again.safetensors" && fail "another seed draws the same people"
# The people lie in the same subspace: fitted anew, macro has two directions again.
"$fit" --engine builtin:male --characters "$work/people.safetensors" --energy 0.999 --out "$work/second.safetensors" |
    awk '$1 == "macro" && $3 == 2 { n++ } END { exit n != 1 }' || fail "the drawn people are not of the prior"

# CODE NAME PATTERN ARGUMENTS...
refuses() {
    wanted=$1 name=$2 pattern=$3
    shift 3
    "$fit" "$@" > /dev/null 2> "$work/err"
    code=$?
    if [ "$code" -ne "$wanted" ] || ! head -1 "$work/err" | grep -q "$pattern"; then
        fail "$name: exit $code, $(cat "$work/err")"
    elif [ "$wanted" -eq 1 ] && [ "$(wc -l < "$work/err")" -ne 1 ]; then
        fail "$name: more than a sentence: $(cat "$work/err")"
    elif [ -e "$work/none" ]; then
        fail "$name: something was written"
    fi
}
out=$work/none
refuses 2 'nothing to do' 'wants --engine' --out "$out"
refuses 2 'both ways' 'wants --engine' --engine builtin:male --out "$out" --characters x --prior y --draw 1
refuses 2 'an energy of 2' 'energy' --engine builtin:male --out "$out" --characters "$work/men" --energy 2
refuses 2 'an energy to draw with' 'are of learning' --engine builtin:male --out "$out" \
    --prior "$work/prior.safetensors" --draw 2 --energy 0.9
refuses 1 'a report that cannot be written' 'nowhere/page.html' --engine builtin:male --out "$out" \
    --characters "$work/men" --report "$work/nowhere/page.html"
refuses 1 'no such folder' "$work/nobody" --engine builtin:male --out "$out" --characters "$work/nobody"
refuses 1 'another schema' 'male' --engine builtin:female --out "$out" --characters "$work/men"
refuses 1 'too few' '4 characters are too few.*brows' --engine builtin:male --out "$out" \
    --characters "$work/men/00,$work/men/01,$work/men/02,$work/men/03"
refuses 1 'a prior of another schema' "schema 'male', not for 'female'" --engine builtin:female --out "$out" \
    --prior "$work/prior.safetensors" --draw 2
refuses 1 'people for a prior' 'not a checkpoint' --engine builtin:male --out "$out" \
    --prior "$work/people.safetensors" --draw 2
# An array [1,332] of one NaN among zeros.
{
    printf '\223NUMPY\001\000\166\000'
    printf "%-117s\n" "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 332), }"
    printf '\000\000\300\177'
    head -c 1324 /dev/zero
} > "$work/nan.npy"
refuses 1 'a NaN' 'nan.npy: value 0 of character 0 is -*nan' --engine builtin:male --out "$out" --characters "$work/nan.npy"
exit $failed
