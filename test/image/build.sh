#!/usr/bin/env bash
# Builds the image by the Dockerfile without a container engine: buildah with chroot isolation, as root.
#
#   test/image/build.sh [NAME] [ARCHIVE]     localhost/ecatalog:test; ARCHIVE: also written as a docker archive
#   NODE_IMAGE=node:24-bookworm-slim …       on that base, from a registry
#
# Without NODE_IMAGE it stands on a base made here, that holds what the Node image holds: Debian by debootstrap, and
# Node and npm from npm's registry. Needs buildah; for that base also debootstrap and npm.
set -euo pipefail
cd "$(dirname "$0")/../.."
name=${1:-localhost/ecatalog:test}
archive=${2:-}
node_version=24

make_base() {
  local base=$1 folder
  folder=$(mktemp -d /var/tmp/ecatalog-base.XXXXXX)
  debootstrap --variant=minbase --include=ca-certificates bookworm "$folder/root" >"$folder/log" 2>&1 ||
    { tail -20 "$folder/log" >&2; return 1; }
  # The packages of npm's registry that hold the program of Node itself, and npm.
  npm install --prefix "$folder/node" --no-audit --no-fund --silent "node-linux-$(node -p process.arch)@$node_version" npm@11
  install "$folder"/node/node_modules/node-linux-*/bin/node "$folder/root/usr/local/bin/node"
  mkdir -p "$folder/root/usr/local/lib/node_modules"
  cp -R "$folder/node/node_modules/npm" "$folder/root/usr/local/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$folder/root/usr/local/bin/npm"
  # A house whose way out has its own authority: npm must know it in there, too.
  [ -z "${NODE_EXTRA_CA_CERTS:-}" ] || cp "$NODE_EXTRA_CA_CERTS" "$folder/root/etc/ssl/certs/ca-certificates.crt"
  rm -rf "$folder"/root/var/cache/apt/archives/*.deb "$folder"/root/var/lib/apt/lists/*
  local container
  container=$(buildah from scratch)
  buildah add --quiet "$container" "$folder/root" / >/dev/null
  buildah config --env NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
    --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
  buildah commit --quiet --rm "$container" "$base" >/dev/null
  rm -rf "$folder"
}

base=${NODE_IMAGE:-}
if [ -z "$base" ]; then
  base=localhost/node:$node_version-bookworm
  buildah inspect --type image "$base" >/dev/null 2>&1 || make_base "$base"
fi
# The Docker format has health checks, that of OCI has none.
buildah bud --isolation chroot --format docker --layers --build-arg "NODE_IMAGE=$base" \
  --build-arg "VERSION=$(node -p 'require("./package.json").version')" \
  --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)" \
  --tag "$name" .
[ -z "$archive" ] || buildah push --quiet "$name" "docker-archive:$archive:$name"
