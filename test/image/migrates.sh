#!/bin/sh
# What a release's migration does to the PostgreSQL of DATABASE_URL, by the image given (docker):
# from nothing, again with nothing to do, and then the schema is the released one.
set -eu
ecatalog() {
  docker run --rm --network host --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
    --env DATABASE_URL "$image" node dist/src/cli.js "$@"
}
image=$1
ecatalog migrate up
again=$(ecatalog --json migrate up)
echo "$again"
case $again in *'"applied":[]'*) ;; *) echo 'The second run applied something' >&2; exit 1 ;; esac
ecatalog schema verify
