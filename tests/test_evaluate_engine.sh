#!/bin/sh
# evaluate on the engine's own characters: recovery, robustness, speed, and what compare says of their results.
# usage: test_evaluate_engine.sh [BUILD_DIR]; needs the assets and the pretrained weights (else 77).
build=${1:-.}
here=$(cd "$(dirname "$0")/.." && pwd)
assets=${VISAGIST_DATA:-$here/assets}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

[ -x "$build/apps/evaluate" ] || { echo "skipped: $build/apps/evaluate is not built"; exit 77; }
for file in "$assets/engine.pack" "$here/pretrained/imitator-male.safetensors" \
    "$here/pretrained/segmenter.safetensors" "$here/pretrained/translator-male.safetensors"; do
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

# NAME ARGUMENTS...: evaluate does it; what it prints goes to $work/out and $work/err.
runs() {
    name=$1
    shift
    "$build/apps/evaluate" "$@" > "$work/out" 2> "$work/err" || fail "$name: $(cat "$work/err")"
}

# CODE NAME PATTERN ARGUMENTS...
refuses() {
    wanted=$1 name=$2 pattern=$3
    shift 3
    "$build/apps/evaluate" "$@" > "$work/out" 2> "$work/err"
    code=$?
    [ "$code" -eq "$wanted" ] || fail "$name: exit $code, not $wanted"
    has "$name" "$work/err" "$pattern"
}

# Recovery: the average character knows nothing of anybody, the translator does.
runs "recovery" recovery --engine builtin:male --characters 2 --method average,one-shot --out "$work/recovery"
has "the average character" "$work/out" '^plain *average *2 .* 0.000$'
awk '$1 == "plain" && $2 == "average" {average = $4} $1 == "plain" && $2 == "one-shot" {found = $4}
    END {exit !(found > 0 && found < average)}' "$work/out" || fail "T is no nearer: $(cat "$work/out")"
awk '$3 != 2 && NR > 1 {exit 1} END {exit NR != 13}' "$work/out" || fail "six pictures, two methods: $(cat "$work/out")"
has "a search for faces" "$work/err" '^one-shot 12/12'
for part in conditions correlation '"nose tip"' '"right choices"' '"seed"' '"translator male": "[0-9a-f]\{16\}"'; do
    has "recovery's $part" "$work/recovery/recovery.json" "$part"
done
has "its page" "$work/recovery/recovery.html" 'Recovery of known characters'
grep -q '<rect' "$work/recovery/recovery.html" || fail "the page has no bars"
cp "$work/recovery/recovery.json" "$work/first.json"

# Two results.
runs "a result and itself" compare "$work/first.json" "$work/first.json"
has "nothing differs" "$work/out" '^0 differ, [0-9]* are the same$'
sed 's/"seed": 1/"seed": 2/; s/"identity distance": [0-9.]*/"identity distance": 0.125/' "$work/first.json" > "$work/second.json"
runs "two results" compare "$work/first.json" "$work/second.json" --out "$work/compare"
has "the setting" "$work/out" '^config, seed  *1 -> 2  *+1.0000$'
has "a figure" "$work/out" '^conditions, plain, one-shot, identity distance .* -> 0.1250 *[+-]0[.]'
has "the comparison's page" "$work/compare/compare.html" 'config, seed'
has "and file" "$work/compare/compare.json" '"differences"'

# Robustness: a sketch is further off than half of one.
runs "robustness" robustness --engine builtin:male --faces 2 --disturbance sketch --out "$work/robust"
awk '$1 == "sketch" {exit !($2 > 0 && $6 > 2 * $2)}' "$work/out" || fail "sketches: $(cat "$work/out")"
for part in '"between people"' '"strengths"' '"sketch"' '"method": "one-shot"'; do
    has "robustness's $part" "$work/robust/robustness.json" "$part"
done
has "its page" "$work/robust/robustness.html" 'Robustness of one-shot'
grep -aq '"steps[^,]*:40,' "$work/robust/robustness-one-shot.found" || fail "what was found does not tell the search's steps"
# Photos, one of which is none.
mkdir "$work/photos"
cp "$assets/samples/sample1.jpg" "$work/photos/a.jpg"
echo 'no picture' > "$work/photos/b.jpg"
runs "of photos" robustness --engine builtin:male --photos "$work/photos" --disturbance blur --out "$work/photo"
has "the one that cannot be read" "$work/err" 'left out: .*b.jpg is neither'
has "one face" "$work/photo/robustness.json" '^ "faces": 1'

# The search by a few steps of the paper's, which only shows that all of it is told.
runs "search" search --recover 2 --schedule paper --steps 2 --prior pretrained --engine builtin:male --quiet --out "$work/search"
has "each character" "$work/out" '^  2/2 character 1 .*male .*identity .* -> .* gap 0[.]'
has "the settings" "$work/search/search.json" '"schedule": "paper"'
has "the number of steps" "$work/search/search.json" '"steps": 2,'
for part in '"imitator_engine_difference"' '"median_pixel_error_ratio"' '"skin-tone"' '"precision": "fp32"' '"segmenter": "[0-9a-f]\{16\}"' \
    '"prior male": "[0-9a-f]\{16\}"'; do
    has "search's $part" "$work/search/search.json" "$part"
done
has "its page" "$work/search/search.html" 'The search, on known characters'
[ -s "$work/search/characters/male/001/character.json" ] || fail "there are no characters of the search"
runs "search of photos" search --photos "$work/photos" --schedule paper --steps 1 --engine builtin:male --limit 1 --quiet --out "$work/searched"
has "a face of a photo" "$work/out" '^  1/1 a.jpg face 1 .*identity'
has "what is no photo" "$work/searched/search.json" '"it cannot be read"'

runs "speed" speed --engine builtin:male --method one-shot --faces 2 --rounds 1 --out "$work/speed"
has "a rate" "$work/out" '^one-shot .*/s$'
has "its file" "$work/speed/speed.json" '"align"'

# Wrong input.
refuses 1 "another run's folder" 'holds what was found with other' \
    robustness --engine builtin:male --photos "$work/photos" --disturbance grey --out "$work/photo"
refuses 2 "neither characters nor photos" 'either --recover N or --photos' search --out "$work/x"
refuses 2 "no such method" "method: there is no 'x'" recovery --engine builtin:male --method one-shot,x --out "$work/x"
refuses 2 "twice" "'one-shot' is there twice" recovery --engine builtin:male --method one-shot,one-shot --out "$work/x"
refuses 2 "no folder" 'it wants --out DIR' recovery --engine builtin:male
refuses 2 "an option without a search" 'light belongs to' recovery --engine builtin:male --method one-shot --light 1 --out "$work/x"
refuses 2 "no such disturbance" "disturbance: there is no 'hair'" robustness --engine builtin:male --disturbance hair --out "$work/x"
refuses 2 "a turned photo" 'disturbance pose wants' robustness --engine builtin:male --photos x --disturbance pose --out "$work/x"
refuses 1 "no photos" 'nowhere' robustness --engine builtin:male --photos "$work/nowhere" --out "$work/x"
refuses 2 "one file" 'it wants two JSON files' compare "$work/first.json"
refuses 1 "two commands" 'is of evaluate recovery and .* of evaluate robustness' \
    compare "$work/first.json" "$work/robust/robustness.json"
refuses 1 "no result" 'is no result of evaluate' compare "$work/first.json" "$here/presets/imitator-small.json"
refuses 1 "no JSON" 'is no JSON file' compare "$work/first.json" "$here/tests/test_evaluate_engine.sh"

exit $failed
