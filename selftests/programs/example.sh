#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The program that libhugepost(3) prints runs, on the loaded module.

set -uo pipefail

example=$(dirname "$0")/../../build/userspace/example

echo 1..1
if "$example" 2>&1 | sed 's/^/# /'; then
	echo "ok 1 example of libhugepost(3)"
else
	echo "not ok 1 example of libhugepost(3)"
	exit 1
fi
