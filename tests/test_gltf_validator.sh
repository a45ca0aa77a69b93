#!/bin/sh
# Exported characters before the Khronos glTF validator: not one error, warning or remark.
# Needs engine.pack, gltf-validator (scripts/setup.sh brings both) and node; skipped (77) without.
set -u
data=${VISAGIST_DATA:-${srcdir:-.}/assets}
check="node ${srcdir:-.}/tests/gltf_validator.mjs $data/gltf-validator"
for file in engine.pack gltf-validator/index.js; do
    if ! test -r "$data/$file"; then
        echo "skipped: $data/$file is missing; scripts/setup.sh makes it"
        exit 77
    fi
done
if ! command -v node >/dev/null; then
    echo "skipped: there is no node (Debian's package nodejs)"
    exit 77
fi
dir=$(mktemp -d ./test_gltf_validator.XXXXXX) || exit 1
trap 'rm -rf "$dir"' EXIT

fail() {
    echo "FAILED: $*"
    exit 1
}

for model in male female girl; do
    for kind in random uniform; do
        ./apps/render_character --assets "$data" --engine builtin:$model --$kind 3 \
            --mesh "$dir/$model-$kind.glb" || fail "no $kind $model"
    done
done
$check "$dir"/*.glb || fail "the validator is not content"

# It does look.
sed 's/"VEC2"/"VEC3"/' "$dir/male-random.glb" >"$dir/broken.glb"
$check "$dir/broken.glb" >/dev/null && fail "the validator does not see broken accessors"
echo ok
