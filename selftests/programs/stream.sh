#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# hugepost-stream loads crafted streams into the loaded module's memory.

set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"$top/userspace/stream/tests/check-device" \
	"$top/build/userspace/hugepost-stream" "$scratch"
