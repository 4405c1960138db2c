# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Steps of a longer run that tell of themselves, and end with it. To be sourced
# after lib.sh; NAME and out, a directory, have to be set.
#
# shellcheck disable=SC2154

# Prints the comment of the calling script that begins with "usage:".
usage() {
	sed -n '/^# usage:/,/^$/{s/^# \{0,1\}//;p}' "$0"
	exit "$1"
}

fail() {
	say "$NAME: $*" >&2
	exit 1
}

# What runs now is a process group of its own: if this script ends, so does all
# that it started.
group=
clean_up() {
	local try

	[ -n "$group" ] || return 0
	kill -TERM -- "-$group" 2>/dev/null || true
	# A VM takes a moment to end.
	for ((try = 0; try < 50; try++)); do
		kill -0 -- "-$group" 2>/dev/null || return 0
		sleep 0.2
	done
	kill -KILL -- "-$group" 2>/dev/null || true
}
trap clean_up EXIT
trap 'echo "$NAME: interrupted" >&2; exit 130' INT
trap 'exit 143' TERM HUP

in_group() {
	local status=0

	set -m
	"$@" </dev/null &
	group=$!
	set +m
	wait "$group" || status=$?
	group=
	return "$status"
}

# step WHAT COMMAND...: the command's output is shown.
step() {
	local what=$1 start=$SECONDS

	shift
	say "$NAME: $what"
	in_group "$@" || fail "failed: $what"
	say "  done in $((SECONDS - start)) s"
}

# The same, with the output in a log, shown only if the command fails.
quiet() {
	"$@" >"$out/build.log" 2>&1 || {
		tail -n 30 "$out/build.log" >&2
		return 1
	}
}
