#!/bin/sh
# The example engine in Python, as a user meets it: pictures, a set whose engine goes wrong on the
# way, and a folder of its pictures. Skipped (77) without python3.
set -u
command -v python3 >/dev/null || { echo "skipped: python3 is missing"; exit 77; }
examples=${srcdir:-.}/examples
dir=$(mktemp -d ./test_engine_example.XXXXXX) || exit 1
trap 'rm -rf "$dir"' EXIT
cp "$examples"/engine.json "$examples"/engine.py "$examples"/schema.json "$dir" || exit 1
render="./apps/render_dataset --size 64 --count 60 --seed 3"

fail() {
    echo "FAILED: $*"
    exit 1
}

# WORDS COMMAND...: exit code 1, and one sentence beside the progress, with the words, in two minutes.
refuses() {
    words=$1
    shift
    timeout 120 "$@" >"$dir/out" 2>"$dir/err"
    code=$?
    test $code -eq 1 || fail "$* gave exit code $code"
    test "$(grep -c '^render_[a-z]*:' "$dir/err")" -eq 1 ||
        fail "$* said more or less than one sentence: $(cat "$dir/err")"
    grep -q -- "$words" "$dir/err" || fail "$* did not say '$words' but: $(cat "$dir/err")"
}

./apps/render_character --engine "$dir/engine.json" --random 7 --size 96 --out "$dir/face.png" \
    --labels "$dir/labels.png" || fail "a picture"
test -s "$dir/face.png" && test -s "$dir/labels.png" || fail "no picture"
for kind in random options components labels; do
    ./apps/character_sheet --engine "$dir/engine.json" --kind $kind --count 2 --cell 64 \
        --out "$dir/$kind.png" || fail "a sheet of $kind"
done
refuses 'draws only its own view' ./apps/render_character --engine "$dir/engine.json" --yaw 20 \
    --out "$dir/side.png"
refuses 'no engine' ./apps/render_character --engine elsewhere --out "$dir/x.png"

$render --engine "$dir/engine.json" --threads 4 --out "$dir/whole" >/dev/null 2>&1 || fail "a set"
$render --engine "$dir/engine.json" --threads 1 --out "$dir/one" >/dev/null 2>&1 ||
    fail "a set by one thread"
diff -r "$dir/whole" "$dir/one" || fail "the number of threads changes the set"

# NAME SECONDS FAULT: an engine with that fault, a line of Python, on faces that are very wide.
faulty() {
    sed "s/^    elif kind == b\"DRAW\":/&\n        if struct.unpack_from('<f', message, 60)[0] > 0.9: $3/" \
        "$examples/engine.py" >"$dir/$1.py"
    cmp -s "$dir/$1.py" "$examples/engine.py" && fail "$1 has no fault"
    cat >"$dir/$1.json" <<JSON
{"engine": "process", "schema": "schema.json", "command": ["python3", "$1.py"], "workers": 2, "timeout_s": $2}
JSON
}
faulty dying 60 'sys.exit(3)'
faulty hanging 3 '__import__("time").sleep(600)'
faulty lying 60 'message = struct.pack("<I", 65) + message[4:]'
for fault in dying:'exited with status 3' hanging:'no answer within 3 s' \
    lying:'a picture of 65 x 65 instead of 64 x 64'; do
    name=${fault%%:*}
    refuses "sample [0-9]*: .*$name.py\" .*${fault#*:}" \
        $render --engine "$dir/$name.json" --out "$dir/$name"
    test -s "$dir/$name/shard-0000.bin.tmp" || fail "$name: nothing is kept"
    $render --engine "$dir/engine.json" --out "$dir/$name" >/dev/null 2>&1 ||
        fail "$name: the run with a mended engine"
    diff -r "$dir/whole" "$dir/$name" || fail "$name: the set differs from one without a fault"
done

# A folder of pictures of its characters, and their table.
mkdir "$dir/pictures"
for i in 1 2 3; do
    ./apps/render_character --engine "$dir/engine.json" --random $i --size 64 \
        --out "$dir/pictures/face$i.png" --save-params "$dir/face.json" || fail "face $i"
    tr -d '\n' <"$dir/face.json" | sed \
        's/.*"continuous": *{\([^}]*\)}.*"discrete": *{\([^}]*\)}.*/{\1, \2}/' >>"$dir/table.jsonl"
    echo >>"$dir/table.jsonl"
done
echo '{"engine": "folder", "schema": "schema.json", "images": "pictures", "table": "table.jsonl"}' \
    >"$dir/folder.json"
./apps/render_dataset --engine "$dir/folder.json" --size 64 --out "$dir/finished" >"$dir/out" \
    2>/dev/null || fail "a set of finished pictures"
grep -q '3 samples of example, 64x64' "$dir/out" || fail "not 3 samples: $(cat "$dir/out")"
refuses 'folder of finished pictures' ./apps/render_character --engine "$dir/folder.json" \
    --out "$dir/x.png"
echo "ok"
