#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Plays the corpus; its last line is "N passed, N failed". CORPUS=dir names another one.
set -u
cd "$(dirname "$0")/../.." || exit 1
if [ -n "${CORPUS:-}" ]; then
	CORPUS=$(realpath "$CORPUS") || exit 1
	export CORPUS
fi
summary=$(mktemp) || exit 1
trap 'rm -f "$summary"' EXIT
MURANO_CONFORMANCE_SUMMARY=$summary go test ./test/conformance -run '^TestCorpus$' -count=1 -timeout 20m -parallel 4 -v |
	grep -v -e '^=== ' -e '^PASS$' -e '^FAIL' -e '^ok '
if [ ! -s "$summary" ]; then
	echo "no case was played; see above" >&2
	echo "0 passed, 0 failed"
	exit 1
fi
cat "$summary"
grep -q ' 0 failed$' "$summary" && ! grep -q '^0 passed' "$summary"
