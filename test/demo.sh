#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The main job without cloud or broker: start the dev mode, deploy two applications of which one uses the other's
# output, fetch the page, delete, and see that nothing is left behind.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$PWD/bin/murano-controller
dir=$(mktemp -d)
dev=

finish() {
  rc=$?
  if [ -n "$dev" ] && kill -0 "$dev" 2>/dev/null; then
    kill "$dev"
    wait "$dev" || true
  fi
  if [ $rc != 0 ]; then sed 's/^/dev: /' "$dir/log" >&2; fi
  rm -rf "$dir"
  exit $rc
}
trap finish EXIT

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

say '1. The whole product in one process: murano-controller dev'
"$bin" dev --dir "$dir/dev" --listen 127.0.0.1:0 >"$dir/log" 2>&1 &
dev=$!
for _ in $(seq 300); do
  [ ! -e "$dir/dev/env" ] || break
  kill -0 "$dev" || { echo 'dev did not start' >&2; exit 1; }
  sleep 0.1
done
set -a
# shellcheck disable=SC1091
. "$dir/dev/env"
set +a
head -1 "$dir/log"

say '2. Deploy two applications: page waits for greeting and uses its output'
"$bin" env deploy -f examples/environments/demo.yaml --packages examples/packages

say '3. Fetch the page'
url=$("$bin" env show demo -o json | sed -n 's/.*"url": "\(http[^"]*\)".*/\1/p' | head -1)
address=${url#http://}
address=${address%%/*}
exec 3<>"/dev/tcp/${address%:*}/${address##*:}"
printf 'GET / HTTP/1.0\r\nHost: %s\r\n\r\n' "$address" >&3
page=$(timeout 10 cat <&3)
exec 3<&-
echo "GET $url"
printf '%s\n' "$page"
greeting=$("$bin" env show demo -o json | sed -n 's/.*"text": "\([^"]*\)".*/\1/p' | head -1)
grep -qF -- "$greeting" <<<"$page" || { echo "the page does not hold the greeting: $greeting" >&2; exit 1; }

say '4. Delete'
"$bin" env delete demo --yes

say '5. Nothing is left behind'
if (exec 3<>"/dev/tcp/${address%:*}/${address##*:}") 2>/dev/null; then
  echo "something still answers at $address" >&2
  exit 1
fi
left=$(find "$dir/dev/guests" -mindepth 2 2>/dev/null || true)
[ -z "$left" ] || { printf 'left over:\n%s\n' "$left" >&2; exit 1; }
kill "$dev"
wait "$dev" || { echo 'dev did not end well' >&2; exit 1; }
dev=
[ ! -e "$dir/dev" ] || { echo "$dir/dev is left over" >&2; exit 1; }
printf '\ndone in %d s\n' "$SECONDS"
