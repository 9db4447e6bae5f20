#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The phases of disk-image-create that the element takes part in, by diskimage-builder's own functions:
# image.sh LIB ROOT PACKAGE
set -eE
top=$(cd "$(dirname "$0")/../.." && pwd)
export _LIB=$1 TMP_MOUNT_PATH=$2 MURANO_AGENT_PACKAGE=$3 break=
TMP_BUILD_DIR=$(mktemp -d)
export TMP_BUILD_DIR TMP_HOOKS_PATH=$TMP_BUILD_DIR/hooks
trap 'umount "$TMP_MOUNT_PATH/tmp/in_target.d" 2>/dev/null || true; rm -rf "$TMP_BUILD_DIR"' EXIT

sudo() {
  [ "$1" != -E ] || shift
  "$@"
}
get_image_element_array() { echo "[murano-agent]=$top/packaging/elements/murano-agent"; }

# shellcheck source=/dev/null
. "$_LIB/common-functions"
# shellcheck source=/dev/null
. "$_LIB/img-functions"
generate_hooks
run_d extra-data
run_d_in_target install
