#!/bin/sh
# render_character and character_sheet as a user meets them: what they write, and their words when
# something is wrong. Needs engine.pack; skipped (77) without it.
set -u
data=${VISAGIST_DATA:-${srcdir:-.}/assets}
if ! test -r "$data/engine.pack"; then
    echo "skipped: $data/engine.pack is missing; scripts/setup.sh makes it"
    exit 77
fi
dir=$(mktemp -d ./test_render_character.XXXXXX) || exit 1
trap 'rm -rf "$dir"' EXIT
render="./apps/render_character --assets $data --size 64"
sheet="./apps/character_sheet --assets $data --cell 64"

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

# FILE: the colour type in a PNG's header: 0 grey, 2 RGB, 6 RGBA.
colour_type() {
    od -An -tu1 -j25 -N1 "$1" | tr -d ' '
}

$render --random 3 --save-params "$dir/a.json" --out "$dir/a.png" --labels "$dir/l.png" || fail "a random one"
test "$(colour_type "$dir/a.png")" = 2 || fail "the picture is not RGB"
test "$(colour_type "$dir/l.png")" = 0 || fail "the label map is not grey"
$render --params "$dir/a.json" --out "$dir/b.png" || fail "the saved character"
cmp "$dir/a.png" "$dir/b.png" || fail "the saved character looks different"
$render --params "$dir/a.json" --turntable "$dir/turn" --views 5 || fail "a turntable"
test "$(ls "$dir/turn")" = "$(printf 'view-%03d.png\n' 0 1 2 3 4)" || fail "a turntable has other views"
cmp "$dir/a.png" "$dir/turn/view-000.png" || fail "a turntable does not begin with the front"
cmp -s "$dir/a.png" "$dir/turn/view-003.png" && fail "a turntable does not turn"

# Each of these changes the picture.
n=0
for option in --yaw=20 --pitch=-20 --roll=10 --fov=30 --light-yaw=50 --light-pitch=-30 --warmth=1 \
    --light-colour=#ff8000 --background=#0000ff "--background=$dir/b.png" --transparent --uniform=3; do
    base=--params=$dir/a.json
    test $option = --uniform=3 && base=--size=64
    $render "$base" $option --out "$dir/option-$n.png" || fail "$option"
    for other in "$dir/a.png" "$dir"/option-*.png; do
        test "$other" = "$dir/option-$n.png" || { cmp -s "$other" "$dir/option-$n.png" && fail "$option does nothing"; }
    done
    test $option = --transparent && { test "$(colour_type "$dir/option-$n.png")" = 6 || fail "no alpha"; }
    n=$((n + 1))
done

for kind in random uniform "options --group brows" "components --group cheek" views labels; do
    $sheet --kind $kind --count 2 --out "$dir/sheet.png" || fail "a sheet of $kind"
    test -s "$dir/sheet.png" || fail "a sheet of $kind is not there"
    rm "$dir/sheet.png"
done

refuses 2 "nothing to write" $render
refuses 2 "exclude each other" $render --random 1 --params "$dir/a.json" --out "$dir/x.png"
refuses 2 "exclude each other" $render --transparent --background '#ffffff' --out "$dir/x.png"
refuses 2 "wants #rrggbb" $render --light-colour red --out "$dir/x.png"
refuses 2 "wants #rrggbb" $render --background '#12345' --out "$dir/x.png"
refuses 2 "from 5 to 40" $render --fov 90 --out "$dir/x.png"
refuses 2 "--turntable" $render --views 3 --out "$dir/x.png"
refuses 1 "none.jpg" $render --background "$dir/none.jpg" --out "$dir/x.png"
refuses 1 "x/y.glb" $render --mesh "$dir/x/y.glb"
refuses 1 "the folder" $render --turntable "$dir/a.png/in"
refuses 1 "dog" $render --engine builtin:dog --out "$dir/x.png"
refuses 2 "--kind is" $sheet --out "$dir/x.png"
refuses 2 "--out FILE.png is missing" $sheet --kind random
refuses 1 "fewer or smaller" $sheet --kind labels --count 400 --cell 1024 --out "$dir/x.png"
refuses 2 "no group or component" $sheet --kind options --group tail --out "$dir/x.png"
test ! -e "$dir/x.png" || fail "a refused run leaves a picture behind"
echo ok
