# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Kernels that look for bugs, built out of a packaged source: NAME-debug, and
# NAME-kcsan for data races, NAME-kmsan for uses of what was never written, with
# the configurations that are in selftests/setup/debug: vm.config, that of the release if
# it has one, and that of the kind.
# To be sourced after lib.sh, apt.sh and kernels.sh.
#
# $CACHE/kernels/NAME-debug holds, besides version, vmlinuz, kdir and root,
#   linux     the source, and what was built
#   config    the configuration that was asked for
#
# A configuration that changed is built anew, out of what is there.

# Where a source comes from: view, and pattern of its package's name after
# "linux-source-".
debug_source() {
	case $1 in
	6.12-*) echo 'own 6\.12' ;;
	7-*) echo 'next 7\.[0-9]+' ;;
	*) die "unknown kernel '$1' (known: 6.12 or 7, -debug, -kcsan or -kmsan)" ;;
	esac
}

# debug_config NAME
debug_config() {
	local part

	for part in vm "${1%%-*}" "${1##*-}"; do
		part=$TOP/selftests/setup/debug/$part.config
		[ ! -e "$part" ] || cat "$part"
	done
}

debug_kernel_is_ready() {
	[ -e "$2/version" ] && debug_config "$1" | cmp -s - "$2/config"
}

unpack_debug_source() {
	local name=$1 dir=$2 view pattern release version

	read -r view pattern <<<"$(debug_source "$name")"
	read -r release version < <(releases "$view" "linux-source-($pattern)") ||
		die "no source of kernel $name in the $view release"
	say "setup: kernel $name is linux-source-$release ($version); downloading"
	rm -rf "$dir"
	mkdir -p "$dir/new"
	download "$view" "$dir/debs" "linux-source-$release=$version"
	say "setup: kernel $name: extracting"
	dpkg-deb --fsys-tarfile "$dir"/debs/linux-source-*.deb |
		tar -xO --wildcards './usr/src/linux-source-*.tar.xz' |
		tar -xJ -C "$dir/new" --strip-components=1
	rm -rf "$dir/debs"
	mv "$dir/new" "$dir/linux"
}

# Lines of a configuration that the kernel's own is without: an option that has
# another name or needs another one.
lost_options() {
	local wanted=$1 config=$2 line

	while read -r line; do
		case $line in
		CONFIG_*=n) ! grep -q "^${line%n}" "$config" || say "$line" ;;
		CONFIG_*) grep -qxF -- "$line" "$config" || say "$line" ;;
		esac
	done <"$wanted"
}

setup_debug_kernel() {
	local name=$1 dir lost release
	local -a make

	dir=$(kernel_dir "$name")
	make=(make -s -C "$dir/linux" CC="$(kernel_cc "$name")")
	! debug_kernel_is_ready "$name" "$dir" || return 0
	install_packages "$TOP/selftests/setup/debug.txt"
	rm -f "$dir/version"
	[ -e "$dir/linux" ] || {
		need_views
		unpack_debug_source "$name" "$dir"
	}

	debug_config "$name" >"$dir/config"
	"${make[@]}" KCONFIG_ALLCONFIG="$dir/config" allnoconfig \
		>"$dir/build.log" 2>&1 || die "see $dir/build.log"
	lost=$(lost_options "$dir/config" "$dir/linux/.config")
	[ -z "$lost" ] || die "kernel $name cannot have ${lost//$'\n'/, }"

	say "setup: kernel $name: building, about 15 minutes on two CPUs"
	rm -rf "$dir/root"
	mkdir -p "$dir/root/boot"
	{
		"${make[@]}" -j"$(nproc)" bzImage modules &&
			"${make[@]}" INSTALL_MOD_PATH="$dir/root" modules_install
	} >>"$dir/build.log" 2>&1 || {
		tail -20 "$dir/build.log" >&2
		die "cannot build kernel $name (see $dir/build.log)"
	}
	release=$("${make[@]}" kernelrelease)
	cp "$dir/linux/arch/x86/boot/bzImage" "$dir/root/boot/vmlinuz-$release"
	ln -sfn "root/boot/vmlinuz-$release" "$dir/vmlinuz"
	ln -sfn linux "$dir/kdir"
	printf '%s\n' "$release" >"$dir/version"
}
