# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Minimal roots of a release in which packages are installed and removed again.
# To be sourced after lib.sh and apt.sh.
#
# shellcheck disable=SC2153 # RELEASE is of apt.sh

# What a root has besides Debian's minimum: what the packages depend on, and what
# the test asks with. It is installed from the archive once, so that a test needs
# no network. (libelf-dev and pahole are for the headers.)
ROOT_PACKAGES=dkms,gcc,kmod,libc6-dev,libelf-dev,libjson-c5,libncursesw6
ROOT_PACKAGES+=,libnl-genl-3-200,make,man-db,openssl,pahole,pkg-config,udev

# The view whose root has the compiler for a kernel.
kernel_view() {
	if [ -e "$(kernel_dir "$1")/chroot" ]; then
		echo next
	else
		echo own
	fi
}

# The tarball of a view's root; another list of packages is another tarball.
root_tarball() {
	local sum

	sum=$(cksum <<<"$ROOT_PACKAGES")
	printf '%s\n' "$CACHE/roots/${RELEASE[$1]}-${sum%% *}.tar.gz"
}

pack_root() {
	as_root env TMPDIR="$CACHE/roots" mmdebstrap --mode=root \
		--variant=minbase --aptopt='Acquire::Languages "none"' \
		--dpkgopt=force-unsafe-io --include="$ROOT_PACKAGES" \
		"${RELEASE[$1]}" - - <"$APT/$1/sources.list" | gzip -1 >"$2"
}

setup_root() {
	local view=$1 release=${RELEASE[$1]} tarball log

	tarball=$(root_tarball "$view")
	log=$CACHE/roots/$release.log
	mkdir -p "$CACHE/roots"
	say "setup: making a root of $release to install packages in"
	retry pack_root "$view" "$tarball.new" 2>"$log" || {
		tail -5 "$log" >&2
		die "cannot make a $release root (see $log)"
	}
	mv "$tarball.new" "$tarball"
}
