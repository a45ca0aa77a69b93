#!/bin/sh
# prepare_photos and evaluate, from photos to figures: renders of two people stand for photos of them.
# usage: test_evaluate.sh [BUILD_DIR]; needs the assets and the pretrained weights (else 77).
build=${1:-.}
here=$(cd "$(dirname "$0")/.." && pwd)
assets=${VISAGIST_DATA:-$here/assets}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

for program in evaluate prepare_photos render_character train_translator; do
    [ -x "$build/apps/$program" ] || { echo "skipped: $build/apps/$program is not built"; exit 77; }
done
for file in "$assets/engine.pack" "$here/pretrained/imitator-male.safetensors" \
    "$here/pretrained/segmenter.safetensors"; do
    [ -r "$file" ] || { echo "skipped: $file is missing"; exit 77; }
done

fail() {
    echo "FAIL $*"
    failed=1
}

# NAME FILE PATTERN: the file has a line that matches.
has() {
    if grep -q "$3" "$2"; then
        echo "ok   $1: $(grep -m 1 "$3" "$2")"
    else
        fail "$1: no '$3' in $(cat "$2")"
    fi
}

# CODE NAME PATTERN PROGRAM ARGUMENTS...
refuses() {
    wanted=$1 name=$2 pattern=$3 program=$4
    shift 4
    "$build/apps/$program" "$@" > "$work/out" 2> "$work/err"
    code=$?
    [ "$code" -eq "$wanted" ] || fail "$name: exit $code, not $wanted"
    has "$name" "$work/err" "$pattern"
}

mkdir -p "$work/photos/more"
for who in 1 2; do
    for yaw in -6 6; do
        "$build/apps/render_character" --engine builtin:male --random $who --yaw=$yaw --size 300 \
            --out "$work/photos/$who$yaw.png" || exit 1
    done
done
mv "$work/photos/1-6.png" "$work/photos/more"
echo 'no picture' > "$work/photos/broken.jpg"

# The pool, and what is in it.
"$build/apps/prepare_photos" "$work/photos" --engine builtin:male --out "$work/pools" --list \
    --sheet "$work/sheet.png" > "$work/list" 2> "$work/err" || fail "prepare_photos: $(cat "$work/err")"
has "what is left out" "$work/err" '1 of 5 photos are left out: 0 show no face, 1 cannot be read'
has "what is good" "$work/err" 'photos.pool: 5 photos, 4 with a face, 4 of them good and frontal'
has "the broken one" "$work/list" '^unreadable.*broken.jpg$'
has "one in a folder" "$work/list" '^face	1	.*more/1-6.png$'
[ -s "$work/sheet.png" ] || fail "there is no contact sheet"

# Verification: two pictures of one person are nearer than any of two people; a pair with the broken one is left out.
one=more/1-6.png
{
    printf '%s\t16.png\t1\tx\n2-6.png\t26.png\t1\ty\n%s\t2-6.png\t0\tx\n' $one $one
    printf '%s\t%s/photos/26.png\t0\tx\n16.png\t2-6.png\t0\ty\n16.png\t26.png\t0\ty\n' $one "$work"
    printf 'broken.jpg\t26.png\t0\ty\n'
} > "$work/photos/pairs.tsv"
verify="--pairs $work/photos/pairs.tsv --engine builtin:male --out $work/verify"
# shellcheck disable=SC2086
"$build/apps/evaluate" verify $verify --mode descriptor > "$work/out" 2> "$work/err" ||
    fail "verify: $(cat "$work/err")"
has "verification" "$work/out" '^descriptor .*accuracy .* over 2 folds.*area under ROC 1.0000, TAR 1.0000 at FAR 0.1'
has "the pairs" "$work/out" '^6 pairs of 6 photos; left out: 1 pairs, 1 photos without a face'
has "the report" "$work/verify/verify.json" '"at FAR 0.001": 1.0'
# Folds of 3 of 3 and 3 of 4 pairs, 2 and 3 of them right.
has "those left out as errors" "$work/verify/verify.json" '"accuracy of all pairs": 0.708333'
has "what was left out" "$work/verify/verify.json" '"broken.jpg",'
has "the weights" "$work/verify/verify.json" '"descriptor": "[0-9a-f]\{16\}"'
has "the page" "$work/verify/verify.html" 'Face verification, pairs'

# Several modes at once, of some of the pairs.
# shellcheck disable=SC2086
"$build/apps/evaluate" verify $verify --limit 3 --mode one-shot --mode descriptor --normalise centre > "$work/out" 2> "$work/err" ||
    fail "two modes: $(cat "$work/err")"
has "a second mode" "$work/out" '^one-shot .*accuracy'
has "its row" "$work/verify/verify.json" '"normalise": "centre"'

# The same photos as a .bin, which holds them: one that cannot be read, so that of its fold nothing is left, one that is
# there three times.
photo_bytes() {
    for photo in "$@"; do
        size=$(wc -c < "$work/photos/$photo")
        printf 'B'
        for shift in 0 8 16 24; do
            # shellcheck disable=SC2059
            printf "\\$(printf %03o $((size >> shift & 255)))"
        done
        cat "$work/photos/$photo"
    done
}
{
    printf '\200\003]('
    photo_bytes $one 16.png $one 2-6.png broken.jpg 16.png 2-6.png 26.png $one 26.png
    printf 'e](\210\211\210\210\211e\206.'
} > "$work/lfw.bin"
"$build/apps/evaluate" verify --pairs "$work/lfw.bin" --mode descriptor --engine builtin:male --out "$work/bin" \
    > "$work/out" 2> "$work/err" || fail "a .bin: $(cat "$work/err")"
has "a .bin" "$work/out" '^4 pairs of 5 photos; left out: 1 pairs, 1 photos without a face'
has "its folds" "$work/out" '^descriptor .* over 4 folds'
has "the lost fold as an error" "$work/bin/verify.json" '"accuracy of all pairs": 0.6,'
has "its bad photo" "$work/bin/verify.json" '"photos that cannot be read": 1'
has "the paper's figure" "$work/bin/verify.html" '>the paper<.*>0.9958<'
has "and in the file" "$work/bin/verify.json" '"the paper.s accuracy": 0.9958'
grep -q '>the paper<' "$work/verify/verify.html" && fail "the paper says nothing of this set"

# An ablation of which four rows are there already trains the one that is missing, once.
ablation="--photos $work/pools/photos.pool --pairs $work/photos/pairs.tsv --engine builtin:male --steps 2 --batch 2 --out $work/ablation"
for row in untrained identity loopback all; do
    mkdir -p "$work/ablation/$row"
    echo '{"accuracy": 0.75, "deviation": 0.125, "area": 0.875}' > "$work/ablation/$row/verify.json"
done
printf '{"photos": "%s", "pairs": "%s", "engine": "builtin:male", "imitator": "", "segmenter": "", "descriptor": "",
    "preset": "small", "seed": "1", "steps": "2", "batch": "2"}' "$work/pools/photos.pool" "$work/photos/pairs.tsv" \
    > "$work/ablation/settings.json"
for time in first second; do
    # shellcheck disable=SC2086
    "$build/apps/evaluate" ablation $ablation > "$work/out" 2> "$work/err" || fail "ablation: $(cat "$work/err")"
    has "Table 8, $time time" "$work/out" '^yes     yes      no       yes        0.7500 +- 0.1250  0.8750  0.8843'
    grep -c '^row' "$work/err" >> "$work/trained"
done
has "the row's own config" "$work/ablation/content/config.json" '"lambda1": 0.0'
has "the trained row" "$work/ablation/content/log.jsonl" '"step":2'
has "its verification" "$work/ablation/content/verify.json" '"pairs": 6'
[ "$(tr '\n' ' ' < "$work/trained")" = '1 0 ' ] || fail "rows trained: $(cat "$work/trained")"
has "the page" "$work/ablation/ablation.html" 'Ablation of the translator'
for part in '"evaluation": "ablation"' '"seed": "1"' '"segmenter": "[0-9a-f]\{16\}"' '"translator, content": "[0-9a-f]\{16\}"'; do
    has "the ablation's $part" "$work/ablation/ablation.json" "$part"
done
has "its settings on the page" "$work/ablation/ablation.html" '>translator, content<.*[0-9a-f]\{16\}'
# shellcheck disable=SC2086
refuses 1 "another ablation" 'has rows of an ablation with other options' evaluate ablation $ablation --seed 2

# Wrong input.
refuses 2 "no command" 'it wants a command' evaluate
refuses 2 "another command" "there is no command 'searches'" evaluate searches
refuses 2 "no engine" 'engine ENGINE is missing' evaluate verify --pairs x --mode descriptor --out "$work/x"
refuses 2 "a wrong mode" "combined-paper, not 'x'" evaluate verify --mode x
printf 'a.png\tb.png\t1\na.png\tb.png\t2\n' > "$work/bad.tsv"
refuses 1 "a bad table" 'bad.tsv, line 2: the third column is 1' \
    evaluate verify --pairs "$work/bad.tsv" --mode descriptor --engine builtin:male --out "$work/x"
printf 'a.png\tb.png\t1\na.png\tb.png\t1\t3\n' > "$work/bad.tsv"
refuses 2 "a mode twice" 'mode one-shot is there twice' evaluate verify --mode one-shot --mode one-shot
refuses 1 "no set at all" 'is no set of pairs' \
    evaluate verify --pairs "$work" --mode descriptor --engine builtin:male --out "$work/x"
refuses 1 "a column too many" 'bad.tsv, line 2: it wants path' \
    evaluate verify --pairs "$work/bad.tsv" --mode descriptor --engine builtin:male --out "$work/x"

exit $failed
