#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# hugepostctl looks at real objects, and changes the loaded module's settings.

set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"$top/userspace/ctl/tests/check-device" "$top/build/userspace/hugepostctl" "$scratch"
