#!/bin/sh
# Every wrong input of search ends with one sentence and exit code 1 (2 for its arguments), and leaves nothing behind.
# usage: search_errors.sh [BUILD_DIR]; needs the assets and the pretrained weights (else 77).
build=${1:-.}
here=$(cd "$(dirname "$0")/.." && pwd)
assets=${VISAGIST_DATA:-$here/assets}
search=$build/apps/search
photo=$assets/samples/sample6.jpg
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

found() { # NAME: a file of weights, as the programs look for it
    for dir in "$assets" "$assets/pretrained" "$here/pretrained"; do
        [ -r "$dir/$1" ] && echo "$dir/$1" && return
    done
}

[ -x "$search" ] || { echo "skipped: $search is not built"; exit 77; }
for file in "$assets/engine.pack" "$photo"; do
    [ -r "$file" ] || { echo "skipped: $file is missing (scripts/setup.sh makes it)"; exit 77; }
done
imitator=$(found imitator-male.safetensors)
if [ -z "$imitator" ] || [ -z "$(found segmenter.safetensors)" ]; then
    echo "skipped: the pretrained weights are missing"
    exit 77
fi

# CODE NAME PATTERN ARGUMENTS...: search must fail with that exit code and a line that matches, and write no folder.
refuses() {
    wanted=$1 name=$2 pattern=$3
    shift 3
    "$search" --quiet "$@" > "$work/out" 2> "$work/err"
    code=$?
    lines=$(wc -l < "$work/err")
    if [ "$code" -ne "$wanted" ] || [ "$lines" -ne 1 ] || ! grep -q "$pattern" "$work/err"; then
        echo "FAIL $name: exit $code, $lines lines: $(cat "$work/err")"
        failed=1
    elif [ -e "$work/result" ]; then
        echo "FAIL $name: something was written"
        rm -rf "$work/result"
        failed=1
    else
        echo "ok   $name: $(cat "$work/err")"
    fi
}

# Grey pictures as PNG: of one pixel, of 200 x 200, and one whose header says 10000 x 10000.
one_pixel=iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCB2kUIOwAAAABJRU5ErkJggg==
no_face=iVBORw0KGgoAAAANSUhEUgAAAMgAAADICAAAAACIM/FCAAAAtklEQVR42u3PQREAAAwCIKMb3ddK7KAB6RMRERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERETkDnJgkk7vm1XgAAAAASUVORK5CYII=
huge=iVBORw0KGgoAAAANSUhEUgAAJxAAACcQCAAAAACfJT37AAAACUlEQVR42mMAAAABAAGxDbaTAAAAAElFTkSuQmCC

out=--out=$work/result
echo $one_pixel | base64 -d > "$work/dot.png"
echo $no_face | base64 -d > "$work/grey.png"
echo $huge | base64 -d > "$work/huge.png"
head -c 20000 "$photo" > "$work/cut.jpg"
printf 'hello' > "$work/text.jpg"
head -c 100000 "$imitator" > "$work/cut.safetensors"

refuses 1 "no such photo" 'none.jpg' "$work/none.jpg" "$out"
refuses 1 "not a picture" 'text.jpg' "$work/text.jpg" "$out"
refuses 1 "a corrupt JPEG" 'cut.jpg' "$work/cut.jpg" "$out"
refuses 1 "a picture of one pixel" 'dot.png' "$work/dot.png" "$out"
refuses 1 "no face" 'grey.png.*face' "$work/grey.png" "$out"
refuses 1 "a picture too big" 'huge.png' "$work/huge.png" "$out"
refuses 1 "a face that is not there" 'sample6.jpg.*face' "$photo" "$out" --face 40
refuses 1 "a truncated checkpoint" 'cut.safetensors' "$photo" "$out" \
    --engine builtin:male --imitator "$work/cut.safetensors"
refuses 1 "an engine twice" 'open already' "$photo" "$out" \
    --engine builtin:male --engine builtin:male
refuses 1 "an unknown engine" 'no engine' "$photo" "$out" --engine elsewhere
refuses 1 "an imitator without its engine" 'no --engine has that schema' "$photo" "$out" \
    --engine builtin:female --imitator "$imitator"
refuses 1 "a segmenter for an imitator" 'segmenter' "$photo" "$out" \
    --imitator "$(found segmenter.safetensors)"
refuses 1 "a segmenter for a descriptor" 'checkpoint of the segmenter' "$photo" "$out" \
    --descriptor "$(found segmenter.safetensors)"
refuses 1 "an unwritable folder" 'folder' "$photo" --out "$work/text.jpg/deep"
refuses 2 "no output folder named" 'out DIR' "$photo"
refuses 2 "an unknown schedule" 'schedule' "$photo" "$out" --schedule fast
refuses 2 "an unknown start" 'translator=FILE' "$photo" "$out" --init guess
refuses 2 "a translator without a name" 'translator=FILE' "$photo" "$out" --init translator=
refuses 1 "an imitator for a prior" 'checkpoint of the imitator' "$photo" "$out" --prior "$imitator"
refuses 1 "an imitator for a translator" 'checkpoint of the imitator' "$photo" "$out" \
    --init translator="$imitator"
refuses 2 "an unknown device" 'cpu, cuda or cuda:N' "$photo" "$out" --device gpu
refuses 2 "a precision of the cpu" 'the cpu computes in fp32' "$photo" "$out" --precision bf16
refuses 1 "a device that is not there" 'has no CUDA\|no CUDA device here\|there is no cuda:999' "$photo" "$out" \
    --device cuda:999

# A checkpoint of another schema: the same weights under a schema file that says something else.
mkdir "$work/data" && mkdir "$work/data/schemas"
for file in engine.pack face_recognition_model.bin face_recognition_model-weights_manifest.json; do
    ln -s "$(cd "$assets" && pwd)/$file" "$work/data/$file"
done
schema=$here/engine/schemas/male.json
[ -r "$assets/schemas/male.json" ] && schema=$assets/schemas/male.json
sed '0,/"lo": -0.021,/s//"lo": -0.02,/' "$schema" > "$work/data/schemas/male.json"
refuses 1 "a checkpoint of another schema" 'schema' "$photo" "$out" --engine builtin:male \
    --assets "$work/data" --imitator "$imitator" --segmenter "$(found segmenter.safetensors)"

exit $failed
