#!/usr/bin/env bash
# Prepares a lake: brings the recordings into it and the Spark jobs, and builds the images where there is an engine.
#
#   deploy/init.sh s3://bucket[/prefix] [SOURCE…]
#
# SOURCE: paths or URLs of recordings, or of zip archives of them (default: the smartwatch recordings of CASAS, 50 GB packed,
# 160 GB unpacked; neither is held on this machine). Run again, it goes on where it was. AWS is as the environment says.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if (($# == 0)) || [[ $1 == -* ]]; then
  sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
  exit 2
fi
lake=${1%/}
shift

if [[ ! -d node_modules ]]; then npm ci --loglevel=error; fi

echo "code: Spark jobs to $lake/code"
node cli/tickerwatch.mjs emr code --to "$lake/code"

# A client without its engine builds nothing.
engine=
for client in docker podman; do
  if "$client" info >/dev/null 2>&1; then engine=$client && break; fi
done
if [[ -n $engine ]]; then
  for file in deploy/images/*/Dockerfile; do
    name=$(basename "$(dirname "$file")")
    echo "image: tickerwatch/$name"
    "$engine" build --tag "tickerwatch/$name" --file "$file" .
  done
else
  echo 'images: none built (no container engine answers here)'
fi

echo "recordings: to $lake/staging"
node cli/tickerwatch.mjs stage "$@" --to "$lake"
