# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the set-up, the build and the VM runner share. To be sourced.
#
# Sets TOP (the repository), BUILD (all products), CACHE (what was downloaded),
# KERNELS (the names of the kernels to test on) and QEMUS (of the QEMUs).

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=$TOP/build
CACHE=${HUGEPOST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hugepost}
export TOP BUILD CACHE

# shellcheck disable=SC2034 # for those that source this
read -r -a KERNELS <<<"${HUGEPOST_KERNELS:-6.1 6.12 7}"
# shellcheck disable=SC2034
read -r -a QEMUS <<<"${HUGEPOST_QEMUS:-7.2 10.0 11}"
# The QEMU that the machine's own suites have.
SYSTEM_QEMU=7.2
# The one that the test VMs run on. QEMU before 8.1 may translate code that
# another CPU is changing and keep the old text: a kernel that patches itself, as
# it does when KVM is used, then never gets past a breakpoint.
# shellcheck disable=SC2034
VM_QEMU=${HUGEPOST_VM_QEMU:-10.0}

say() {
	printf '%s\n' "$*"
}

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# Runs a command as root, directly or by sudo.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo -- "$@"
	else
		die "needs root for: $* (run as root, or install sudo)"
	fi
}

# Tries a command up to three times: downloads fail now and then.
retry() {
	local try

	for try in 1 2 3; do
		"$@" && return 0
		[ "$try" = 3 ] || sleep $((try * 3))
	done
	return 1
}

# Directory of a kernel: holds version, vmlinuz, kdir and root (see setup).
kernel_dir() {
	printf '%s\n' "$CACHE/kernels/$1"
}

kernel_version() {
	cat "$(kernel_dir "$1")/version" 2>/dev/null ||
		die "kernel $1 is not set up: run selftests/setup/setup"
}

# Is it a kernel that looks for bugs (see debug.sh)? It is slower, and needs more
# memory.
is_debug() {
	[[ $1 == *-@(debug|kcsan|kmsan) ]]
}

# The compiler that a kernel, and modules for it, are built with: only clang knows
# which memory was written.
kernel_cc() {
	case $1 in
	*-kmsan) echo clang-16 ;;
	*) echo gcc ;;
	esac
}

# The program of a QEMU of the list.
qemu_path() {
	local path=$CACHE/qemu/$1/qemu-system-x86_64

	[ "$1" != "$SYSTEM_QEMU" ] || path=/usr/bin/qemu-system-x86_64
	[ -x "$path" ] || die "QEMU $1 is not set up: run selftests/setup/setup"
	printf '%s\n' "$path"
}
