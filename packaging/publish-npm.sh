#!/bin/sh
# Publishes the npm packages of a release: packaging/publish-npm.sh target/dist
#
# npm has to be logged in, or to run where the registry trusts it (docs/releasing.md). Packages that
# are published already are left alone, so that a run that was cut off can be started again.
# NPM_CONFIG_REGISTRY names another registry.
set -eu

[ $# -eq 1 ] && [ -d "$1" ] || { printf 'usage: %s DIR, a folder that `cargo xtask dist` made\n' "$0" >&2; exit 2; }
# Provenance needs GitHub's identity.
[ -n "${ACTIONS_ID_TOKEN_REQUEST_URL:-}" ] && provenance=--provenance || provenance=''

field() { tar -xzOf "$1" package/package.json | node -p "JSON.parse(require('fs').readFileSync(0, 'utf8')).$2"; }

publish() {
    id="$(field "$1" name)@$(field "$1" version)"
    if [ "$(npm view "$id" version 2>/dev/null)" = "${id##*@}" ]; then
        printf '%s is there already\n' "$id" >&2
    else
        # shellcheck disable=SC2086 # no provenance is no argument
        npm publish "$(realpath "$1")" --access public $provenance
        printf '%s is published\n' "$id" >&2
    fi
}

found=false
# Packages that name others come last: whoever installs them then finds all.
for with_others in undefined object; do
    for package in "$1"/*.tgz; do
        [ -f "$package" ] || continue
        found=true
        [ "$(field "$package" 'optionalDependencies && typeof {}' 2>/dev/null || true)" = "$with_others" ] || continue
        publish "$package"
    done
done
$found || { printf 'error: there is no package in %s\n\nhint: cargo xtask dist --only npm --only service\n' "$1" >&2; exit 1; }
