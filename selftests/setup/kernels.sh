# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Kernels to test on, out of packages, extracted in the cache: nothing is
# installed on the machine. To be sourced after lib.sh and apt.sh.
#
# $CACHE/kernels/NAME holds
#   version   the kernel's release, as in uname -r
#   vmlinuz   link to the image
#   kdir      link to the headers, for make KDIR=...
#   root      the packages, extracted; root/lib/modules/VERSION has the modules
#   chroot    only where the headers need the compiler of a later release: a
#             root to build in; kdir is a path in it then
#
# shellcheck disable=SC2153 # RELEASE is of apt.sh

# Where a kernel comes from: view, and pattern of its release up to "-amd64".
# NAME-rt is the real-time flavour of a kernel, which has no huge pages.
kernel_source() {
	local flavour=

	[[ $1 != *-rt ]] || flavour=-rt
	case ${1%-rt} in
	6.1) echo "own 6\.1\.[0-9][0-9.a-z+~-]*$flavour" ;;
	6.12) echo "own 6\.12\.[0-9][0-9.a-z+~-]*$flavour" ;;
	7) echo "next 7\.[0-9][0-9.a-z+~-]*$flavour" ;;
	*) die "unknown kernel '$1' (known: 6.1 6.12 7, and each with -rt)" ;;
	esac
}

# "RELEASE VERSION" of the packages $2 (an extended regular expression that
# captures the release) of a view, newest first. Those of a flavour are for a
# pattern that names it.
releases() {
	local view=$1 pattern=$2 others='-(cloud|rt)-'

	[[ $pattern != *-rt* ]] || others='-cloud-'
	in_view "$view" apt-cache search --names-only "$pattern" |
		cut -d' ' -f1 | grep -Ex -- "$pattern" | grep -Ev -- "$others" |
		xargs -r env APT_CONFIG="$APT/$view/apt.conf" apt-cache madison |
		sed -E "s/^ *$pattern \| *([^ ]+) \|.*/\1 \2/" | sort -rV | uniq
}

# Finds the newest kernel that has an image and headers of one version. Prints
# its release and version, and the name of its image package.
resolve_kernel() {
	local name=$1 view pattern release version image images

	read -r view pattern <<<"$(kernel_source "$name")"
	images=$(
		releases "$view" "linux-image-($pattern-amd64)"
		releases "$view" "linux-image-($pattern-amd64-unsigned)"
	)
	while read -r release version; do
		for image in "$release-amd64" "$release-amd64-unsigned"; do
			if grep -qxF "$image $version" <<<"$images"; then
				echo "$release-amd64 $version linux-image-$image"
				return 0
			fi
		done
	done < <(releases "$view" "linux-headers-($pattern)-amd64")
	return 1
}

# The packages among linux-* that package $2 of version $3 is split into.
kernel_parts() {
	local view=$1 package=$2 version=$3

	in_view "$view" apt-cache depends --recurse --important \
		--no-pre-depends "$package=$version" |
		sed -nE 's/^ *\|?Depends: (linux-(base|binary|modules|headers|kbuild)-[^ <>]*[0-9][^ <>]*)$/\1/p' |
		sort -u
}

# Extracts the modules that booting on the host's files needs uncompressed: the
# small shell of an initramfs cannot.
unpack_boot_modules() {
	local dir=$1 sub

	for sub in fs/9p fs/netfs fs/fscache fs/fuse fs/overlayfs net/9p net/unix \
		drivers/virtio drivers/char drivers/input/serio \
		drivers/input/keyboard drivers/net/virtio_net; do
		[ -d "$dir/kernel/$sub" ] || continue
		find "$dir/kernel/$sub" -name '*.ko.xz' -exec unxz -f {} +
	done
}

# Makes a root of the release $1 in directory $2 with what headers' packages
# need to build a module.
make_chroot() {
	local release=$1 dir=$2 compiler=$3

	as_root rm -rf --one-file-system "$dir"
	retry as_root env TMPDIR="${dir%/*}" mmdebstrap --quiet --mode=root \
		--variant=minbase --aptopt='Acquire::Languages "none"' \
		--include="$compiler,binutils,libc6-dev,make,libelf1t64,libssl3t64,pahole,perl-base" \
		"$release" "$dir" - <"$APT/next/sources.list" \
		>"${dir%/*}/chroot.log" 2>&1 || {
		tail -5 "${dir%/*}/chroot.log" >&2
		die "cannot make a $release root (see ${dir%/*}/chroot.log)"
	}
}

setup_kernel() {
	local name=$1 dir view release version image compiler target deb
	local -a parts

	dir=$(kernel_dir "$name")
	[ ! -e "$dir/version" ] || return 0
	read -r view _ <<<"$(kernel_source "$name")"
	read -r release version image <<<"$(resolve_kernel "$name" || true)"
	[ -n "$release" ] ||
		die "no kernel $name has both an image and headers in the $view release"

	say "setup: kernel $name is $release ($version); downloading"
	as_root rm -rf --one-file-system "$dir"
	mkdir -p "$dir/root"
	mapfile -t parts < <(
		kernel_parts "$view" "$image" "$version"
		kernel_parts "$view" "linux-headers-$release" "$version"
	)
	download "$view" "$dir/debs" "$image=$version" \
		"linux-headers-$release=$version" "${parts[@]}"

	say "setup: kernel $name: extracting"
	for deb in "$dir"/debs/*.deb; do
		dpkg-deb -x "$deb" "$dir/root"
	done
	# Packages of a merged-/usr release have no /lib.
	[ -e "$dir/root/lib" ] || ln -s usr/lib "$dir/root/lib"
	target=$dir/root/lib/modules/$release
	unpack_boot_modules "$target"
	depmod -b "$dir/root" "$release"
	if [ -e "$dir/root/boot/vmlinuz-$release" ]; then
		ln -s "root/boot/vmlinuz-$release" "$dir/vmlinuz"
	else
		ln -s "root/lib/modules/$release/vmlinuz" "$dir/vmlinuz"
	fi

	if [ "$view" = next ]; then
		compiler=$(dpkg-deb -f "$dir/debs/linux-headers-${release}_"*.deb \
			Depends | sed -nE 's/.*\b(gcc-[0-9]+).*/\1/p')
		say "setup: kernel $name: making a root of ${RELEASE[next]} with $compiler"
		make_chroot "${RELEASE[next]}" "$dir/chroot" "$compiler"
		for deb in "$dir"/debs/linux-{headers,kbuild}-*.deb; do
			as_root dpkg-deb -x "$deb" "$dir/chroot"
		done
		ln -s "chroot/usr/src/linux-headers-$release" "$dir/kdir"
	else
		sed -i "s|^include /usr/src/|include $dir/root/usr/src/|" \
			"$dir/root/usr/src/linux-headers-$release/Makefile"
		ln -s "root/usr/src/linux-headers-$release" "$dir/kdir"
	fi
	rm -rf "$dir/debs"
	printf '%s\n' "$release" >"$dir/version.new"
	mv "$dir/version.new" "$dir/version"
}
