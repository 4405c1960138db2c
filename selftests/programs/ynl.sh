#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The netlink family answers as its specification says, read by the kernel's own
# tool.

set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
exec /usr/bin/python3 "$top/selftests/programs/ynl.py" "$top/uapi/hugepost.yaml"
