#!/bin/sh
# train_translator and translate as a user meets them: trained on renders, interrupted and resumed,
# exported, used on photos, and their words when something is wrong.
# Needs the assets; skipped (77) without them.
set -u
data=${VISAGIST_DATA:-${srcdir:-.}/assets}
for file in engine.pack face_recognition_model-weights_manifest.json samples/sample6.jpg; do
    if ! test -r "$data/$file"; then
        echo "skipped: $data/$file is missing; scripts/setup.sh makes it"
        exit 77
    fi
done
dir=$(mktemp -d ./test_train_translator.XXXXXX) || exit 1
trap 'rm -rf "$dir"' EXIT

fail() {
    echo "FAILED: $*"
    tail -n 3 "$dir/err"
    exit 1
}

# Runs it quietly.
runs() {
    "$@" >"$dir/out" 2>"$dir/err" || fail "$*"
}

# CODE WORDS COMMAND...: that exit code and last line with the words.
refuses() {
    wanted=$1 words=$2
    shift 2
    "$@" >"$dir/out" 2>"$dir/err"
    code=$?
    test $code -eq "$wanted" || fail "$* gave exit code $code"
    tail -n 2 "$dir/err" | grep -q -- "$words" || fail "$* did not say '$words'"
}

runs ./apps/render_dataset --assets "$data" --engine builtin:paper-male --size 64 --count 24 --seed 5 --out "$dir/faces"
runs ./apps/render_dataset --assets "$data" --engine builtin:paper-male --size 64 --count 2 --seed 6 --out "$dir/val"
runs ./apps/train_imitator --data "$dir/faces" --out "$dir/g" --size 64 --width 2 --steps 1 --batch 2
train="./apps/train_translator --assets $data --engine builtin:paper-male --imitator $dir/g/last.safetensors"
train="$train --data $dir/faces --val $dir/val"

# The total loss, whole and in two parts.
runs $train --out "$dir/whole" --steps 4 --batch 2
cp "$dir"/whole/*.pool* "$dir/"
mkdir "$dir/parts" && cp "$dir"/*.pool* "$dir/parts/"
runs $train --out "$dir/parts" --steps 4 --batch 2 --stop-after 2
runs $train --out "$dir/parts" --resume
cmp "$dir/whole/last.safetensors" "$dir/parts/last.safetensors" || fail "a resumed run is another one"
for term in identity content loopback parameters prior; do
    grep -q "\"$term\":" "$dir/whole/log.jsonl" || fail "the log does not tell the $term"
done
grep -q '"correlation":{' "$dir/whole/log.jsonl" || fail "the log does not tell the correlations"
grep -q '"average":' "$dir/whole/log.jsonl" || fail "the log does not tell the distances"

# Parameters alone, from there on, with the pools and the sights that are there.
runs $train --data "$dir/faces.pool" --val "$dir/val.pool" --loss parameters --init "$dir/whole/best.safetensors" \
    --out "$dir/x" --steps 1 --batch 2
grep -q "looking at faces" "$dir/err" && fail "what was seen is looked at again"
grep -q '"identity":' "$dir/x/log.jsonl" && fail "parameters alone are more than that"

# On a photo, in half precision.
runs ./apps/train_translator --out "$dir/x" --export "$dir/t.safetensors"
test "$(wc -c <"$dir/t.safetensors")" -lt 1000000 || fail "the exported weights are not small"
runs ./apps/translate --assets "$data" --engine builtin:paper-male --translator "$dir/t.safetensors" \
    --out "$dir/characters" "$data/samples/sample6.jpg"
grep -q "1 characters of 1 photos, [0-9.]* photos/s" "$dir/out" || fail "translate did not tell its speed"
for file in sample6/character.json sample6/character.png sheet.png; do
    test -s "$dir/characters/$file" || fail "translate wrote no $file"
done
runs ./apps/render_character --assets "$data" --params "$dir/characters/sample6/character.json" --out "$dir/again.png" --size 64

# What does not go together.
refuses 1 "schema 'paper-male', not for" ./apps/translate --assets "$data" --engine builtin:male \
    --translator "$dir/t.safetensors" --out "$dir/no" "$data/samples/sample6.jpg"
refuses 1 "checkpoint of the imitator" ./apps/translate --assets "$data" --engine builtin:paper-male \
    --translator "$dir/g/last.safetensors" --out "$dir/no" "$data/samples/sample6.jpg"
refuses 1 "1 of 1 photos could not be read" ./apps/translate --assets "$data" --engine builtin:paper-male \
    --translator "$dir/t.safetensors" --out "$dir/no" "$dir/none.jpg"
runs ./apps/render_dataset --assets "$data" --engine builtin:paper-female --size 64 --count 2 --seed 6 --out "$dir/women"
refuses 1 "schema 'paper-female'" $train --frontal "$dir/women" --out "$dir/x" --steps 1
test -e "$dir/x/women.pool" && fail "renders of another schema were aligned"
refuses 2 "leave --frontal" $train --evaluate "$dir/x/best.safetensors" --out "$dir/no"
refuses 2 "wants photos" ./apps/translate --engine builtin:male --out "$dir/no"
refuses 2 "engine ENGINE is missing" ./apps/train_translator --data "$dir/faces" --out "$dir/no"
echo '{"training": {"lambda9": 1}}' >"$dir/wrong.json"
refuses 1 'no key "lambda9"' $train --config "$dir/wrong.json" --out "$dir/no"
echo '{"training": {"frontal_faces": 1}}' >"$dir/wrong.json"
refuses 1 'no key "frontal_faces"' $train --config "$dir/wrong.json" --out "$dir/no"
echo "passed"
