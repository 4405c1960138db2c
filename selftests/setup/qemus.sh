# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# QEMUs to test with, besides the machine's own: out of packages of later
# suites, extracted in the cache. To be sourced after lib.sh and apt.sh.
#
# $CACHE/qemu/NAME holds
#   version              QEMU's version, as "10.0.2"
#   root                 its packages and all that they depend on, extracted
#   qemu-system-x86_64   runs it from there, with the libraries it was built for
#
# shellcheck disable=SC2153 # RELEASE is of apt.sh

# Where a QEMU comes from: view, and pattern of its package's version.
qemu_source() {
	case $1 in
	10.0) echo 'own ([0-9]+:)?10\.0\.[0-9][^ ]*' ;;
	11) echo 'next ([0-9]+:)?11\.[0-9]+\.[0-9][^ ]*' ;;
	*) die "unknown QEMU '$1' (known: $SYSTEM_QEMU 10.0 11)" ;;
	esac
}

# The newest version of package $2 in a view that pattern $3 fits.
newest_version() {
	in_view "$1" apt-cache madison "$2" |
		sed -nE "s/^ *$2 \| *($3) \|.*/\1/p" | sort -rV | sed -n 1p
}

# What installing a package on a bare machine would install, as NAME=VERSION.
# Nothing is installed in a view, so this is all that it needs, libc included.
package_closure() {
	local view=$1 package=$2

	in_view "$view" apt-get -q -s install --no-install-recommends \
		-o Debug::NoLocking=true \
		-t "${RELEASE[$view]}-backports" "$package" |
		sed -nE 's/^Inst ([^ ]+) \(([^ ]+) .*/\1=\2/p'
}

# A program that runs a QEMU from its root. Its own dynamic linker looks for
# libraries there only, so neither the machine's libraries nor its release
# matter; what LD_PRELOAD names is loaded all the same. ($0 is not asked for the
# place: it may be a link.)
write_qemu_program() {
	local dir=$1 root=$1/root file
	local libs=$root/lib/x86_64-linux-gnu:$root/usr/lib/x86_64-linux-gnu
	local -a data=()

	for file in usr/share/qemu usr/share/seabios usr/lib/ipxe/qemu; do
		[ ! -d "$root/$file" ] || data+=(-L "$root/$file")
	done
	file=$(compgen -G "$root/*/x86_64-linux-gnu/ld-linux-x86-64.so.2" ||
		compgen -G "$root/usr/*/x86_64-linux-gnu/ld-linux-x86-64.so.2")
	{
		echo '#!/bin/sh'
		printf 'export QEMU_MODULE_DIR=%q\n' \
			"$root/usr/lib/x86_64-linux-gnu/qemu"
		# shellcheck disable=SC2016 # for the program itself
		printf 'exec %q --argv0 "$0" --library-path %q %q %s "$@"\n' \
			"$file" "$libs" "$root/usr/bin/qemu-system-x86_64" \
			"$(printf '%q ' "${data[@]}")"
	} >"$dir/qemu-system-x86_64"
	chmod +x "$dir/qemu-system-x86_64"
}

setup_qemu() {
	local name=$1 dir=$CACHE/qemu/$1 view pattern version deb
	local -a packages

	[ ! -e "$dir/version" ] || return 0
	read -r view pattern <<<"$(qemu_source "$name")"
	version=$(newest_version "$view" qemu-system-x86 "$pattern")
	[ -n "$version" ] ||
		die "no QEMU $name in the suites of ${RELEASE[$view]}"

	say "setup: QEMU $name is $version; downloading"
	rm -rf "$dir"
	mkdir -p "$dir/root"
	mapfile -t packages < <(package_closure "$view" "qemu-system-x86=$version")
	[ "${#packages[@]}" -gt 0 ] ||
		die "QEMU $version cannot be installed from the suites of ${RELEASE[$view]}"
	download "$view" "$dir/debs" "${packages[@]}"
	for deb in "$dir"/debs/*.deb; do
		dpkg-deb -x "$deb" "$dir/root"
	done
	rm -rf "$dir/debs" "$dir"/root/usr/share/{doc,locale,man}
	write_qemu_program "$dir"
	"$dir/qemu-system-x86_64" --version |
		sed -nE '1s/.* version ([0-9.]+).*/\1/p' >"$dir/version.new"
	[ -s "$dir/version.new" ] ||
		die "QEMU $name does not run from $dir"
	mv "$dir/version.new" "$dir/version"
}
