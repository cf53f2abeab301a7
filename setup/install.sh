#!/usr/bin/env bash
# The step of `action.yml`: runs the installer of this commit, and puts the programs on PATH of the
# steps that follow.
set -euo pipefail

root="$(cd "$ACTION_PATH/.." && pwd)"
version="$VERSION"
if [ -z "$version" ]; then
    # The workspace's own version: the first `version = "…"` of its manifest.
    version="$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)"
fi

export CAPY_VERSION="$version"
export CAPY_DOWNLOAD_URL="${DOWNLOAD_URL:-${GITHUB_SERVER_URL:-https://github.com}/$ACTION_REPOSITORY/releases/download}"
export CAPY_INSTALL_DIR="$RUNNER_TEMP/capy/bin"
sh "$root/packaging/install.sh"

# On Windows the runner wants a path of Windows's.
if command -v cygpath >/dev/null; then
    cygpath --windows "$CAPY_INSTALL_DIR" >>"$GITHUB_PATH"
else
    printf '%s\n' "$CAPY_INSTALL_DIR" >>"$GITHUB_PATH"
fi
printf 'version=%s\n' "$("$CAPY_INSTALL_DIR/capy" --version | head -n 1)" >>"$GITHUB_OUTPUT"
