#!/bin/sh
# Installs capy: downloads the archive for this system, checks its sum, and puts two programs into
# a folder.
#
#   CAPY_INSTALL_DIR    where to [default: ~/.local/bin]
#   CAPY_VERSION        which version [default: the one that this installer came with]
#   CAPY_DOWNLOAD_URL   where releases are downloaded from: folders `v<version>`, each with an
#                       archive for each system, and SHA256SUMS
#
# Nothing is installed when anything fails.
set -eu

version="${CAPY_VERSION:-@VERSION@}"
url="${CAPY_DOWNLOAD_URL:-@DOWNLOAD_URL@}"

fail() {
    printf 'error: %s\n' "$1" >&2
    [ -z "${2:-}" ] || printf '\nhint: %s\n' "$2" >&2
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# The target that programs are built for, by rustc's name.
target() {
    system="$(uname -s)" machine="$(uname -m)"
    case "$machine" in
        x86_64 | amd64) machine=x86_64 ;;
        aarch64 | arm64) machine=aarch64 ;;
        *) unknown "$system" "$machine" ;;
    esac
    case "$system" in
        Linux) printf '%s-unknown-linux-musl' "$machine" ;;
        Darwin)
            # A shell that Rosetta translates takes an ARM machine for an Intel one.
            if [ "$machine" = x86_64 ] && [ "$(sysctl -n sysctl.proc_translated 2>/dev/null || echo 0)" = 1 ]; then
                machine=aarch64
            fi
            printf '%s-apple-darwin' "$machine" ;;
        MINGW* | MSYS* | CYGWIN*)
            [ "$machine" = x86_64 ] || unknown "$system" "$machine"
            printf 'x86_64-pc-windows-gnu' ;;
        *) unknown "$system" "$machine" ;;
    esac
}

unknown() {
    fail "there is no capy for $1 on $2" "build it from source: cargo install --path cli, in a checkout"
}

# download URL FILE
download() {
    if has curl; then
        curl --fail --silent --show-error --location --retry 2 --output "$2" "$1" ||
            fail "cannot download $1" "check the version ($version), the address and the network"
    elif has wget; then
        wget -q -O "$2" "$1" || fail "cannot download $1" "check the version ($version), the address and the network"
    else
        fail "neither curl nor wget is installed" "install one of them with your system's packages"
    fi
}

sum_of() {
    if has sha256sum; then
        sha256sum <"$1"
    elif has shasum; then
        shasum -a 256 <"$1"
    elif has openssl; then
        openssl dgst -sha256 -r <"$1"
    else
        fail "no program checks the archive's sum" "install one of: sha256sum (coreutils), shasum, openssl"
    fi
}

main() {
    case "$url" in
        *://*.example | *://*.example/*)
            fail "this installer has no address to download from" "set CAPY_DOWNLOAD_URL to where the releases are" ;;
    esac
    target="$(target)"
    if [ -n "${CAPY_INSTALL_DIR:-}" ]; then
        to="$CAPY_INSTALL_DIR"
    elif [ -n "${HOME:-}" ]; then
        to="$HOME/.local/bin"
    else
        fail "neither CAPY_INSTALL_DIR nor HOME is set" "set CAPY_INSTALL_DIR to a folder that is on PATH"
    fi
    # A folder beside the programs: it has room for them, and putting them in place is one step.
    mkdir -p "$to" 2>/dev/null || fail "cannot make the folder $to" "set CAPY_INSTALL_DIR to a folder that you may write to"
    scratch="$(mktemp -d "$to/.capy-install.XXXXXX" 2>/dev/null)" ||
        fail "cannot write to $to" "set CAPY_INSTALL_DIR to a folder that you may write to"
    trap 'rm -rf "$scratch"' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM

    case "$target" in
        *windows*) archive="capy-$target.zip" suffix=.exe ;;
        *) archive="capy-$target.tar.gz" suffix='' ;;
    esac
    printf 'downloading capy %s for %s\n' "$version" "$target" >&2
    download "$url/v$version/SHA256SUMS" "$scratch/SHA256SUMS"
    download "$url/v$version/$archive" "$scratch/$archive"

    expected="$(while read -r sum name; do [ "$name" != "$archive" ] || printf '%s' "$sum"; done <"$scratch/SHA256SUMS")"
    [ -n "$expected" ] || fail "SHA256SUMS of version $version does not name $archive" "choose another version with CAPY_VERSION"
    found="$(sum_of "$scratch/$archive")" || exit 1
    found="${found%% *}"
    [ "$found" = "$expected" ] || fail "the sum of $archive is wrong: the download was cut off or altered
  expected $expected
  found    $found" "try again; if it stays so, tell the project"

    mkdir "$scratch/unpacked"
    case "$archive" in
        *.zip) has unzip || fail "unzip is not installed" "install it with your system's packages"
            unzip -q "$scratch/$archive" -d "$scratch/unpacked" ;;
        *) has tar && has gzip || fail "tar or gzip is not installed" "install them with your system's packages"
            gzip -dc "$scratch/$archive" | tar -xf - -C "$scratch/unpacked" ;;
    esac || fail "cannot unpack $archive"
    # Links go last, so that none leads to nothing.
    for program in "capy$suffix" "capy-inline$suffix"; do
        mv -f "$scratch/unpacked/bin/$program" "$to/$program" || fail "cannot write $to/$program"
    done

    printf 'installed %s and capy-inline\n' "$to/capy$suffix" >&2
    case ":${PATH:-}:" in
        *":$to:"*) ;;
        *) printf '\n%s is not on PATH; for this shell: export PATH="%s:$PATH"\n' "$to" "$to" >&2 ;;
    esac
}

# The last line, so that half of this file does nothing.
main
