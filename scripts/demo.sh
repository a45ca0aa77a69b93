#!/usr/bin/env bash
# From a bare Debian machine to a game character: set-up, build, search.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
setup=()
photo=
out=

usage() {
    cat <<'TXT'
usage: scripts/demo.sh [--assets DIR] [--out DIR] [PHOTO]

Installs what is missing, builds, and makes a game character from PHOTO (JPEG or PNG), or from a
sample portrait if none is given.

  --assets DIR  take the assets from DIR instead of the network (see scripts/setup.sh --help)
  --out DIR     where the pictures and character.json go (default: ./character)
TXT
}

while [ $# -gt 0 ]; do
    case $1 in
    --assets)
        [ $# -gt 1 ] || { usage >&2; exit 2; }
        setup=(--assets "$2")
        shift 2
        ;;
    --out)
        [ $# -gt 1 ] || { usage >&2; exit 2; }
        out=$2
        shift 2
        ;;
    -h | --help) usage; exit ;;
    -*) usage >&2; exit 2 ;;
    *)
        [ -z "$photo" ] || { usage >&2; exit 2; }
        photo=$1
        shift
        ;;
    esac
done
[ -z "$photo" ] || [ -r "$photo" ] || {
    printf 'demo: cannot read %s\n' "$photo" >&2
    exit 1
}

"$top/scripts/setup.sh" "${setup[@]}"

export OMP_WAIT_POLICY=passive # idle threads sleep, so that a busy machine is not slowed further

photo=${photo:-$top/assets/samples/sample6.jpg}
out=${out:-character}
"$top/build/apps/search" "$photo" --out "$out"
printf '\n%s\n' "The character of $photo:"
for file in comparison.png character.png aligned.png character.json trace.json; do
    printf '  %s\n' "$out/$file"
done
