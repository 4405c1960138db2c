# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# TAP for the checks: run each with check, and end with tap_end.
tap_count=0
tap_failed=0

# check NAME COMMAND...: one test; what a failing command prints is shown.
check()
{
	local name=$1 output
	shift
	tap_count=$((tap_count + 1))
	if output=$("$@" 2>&1); then
		echo "ok $tap_count - $name"
	else
		echo "not ok $tap_count - $name"
		tap_failed=$((tap_failed + 1))
		while IFS= read -r line; do
			echo "# $line"
		done <<<"$output"
	fi
}

tap_end()
{
	echo "1..$tap_count"
	exit $((tap_failed > 0))
}
