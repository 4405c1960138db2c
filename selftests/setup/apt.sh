# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Packages: the machine's own, and those of later suites by a private apt
# configuration in the cache. To be sourced after lib.sh.

APT=$CACHE/apt

# Names in a package list, one a line.
listed_packages() {
	sed 's/#.*//; s/[[:space:]]//g; /^$/d' "$1"
}

missing_packages() {
	local name status

	listed_packages "$1" | while read -r name; do
		status=$(dpkg-query -W -f '${Status}' "$name" 2>/dev/null || true)
		[ "$status" = "install ok installed" ] || printf '%s\n' "$name"
	done
}

# Installs what is missing of a package list, from the machine's own suites.
install_packages() {
	local -a missing

	mapfile -t missing < <(missing_packages "$1")
	[ "${#missing[@]}" -gt 0 ] || return 0
	say "setup: installing ${missing[*]}"
	apt_install "${missing[@]}" && return 0
	say "setup: updating the machine's package lists"
	retry as_root apt-get -q update >"$CACHE/apt.log" 2>&1 || {
		tail -5 "$CACHE/apt.log" >&2
		die "apt-get update failed (see $CACHE/apt.log)"
	}
	apt_install "${missing[@]}" || {
		tail -5 "$CACHE/apt.log" >&2
		die "cannot install ${missing[*]} (see $CACHE/apt.log)"
	}
}

apt_install() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y \
		--no-install-recommends "$@" >"$CACHE/apt.log" 2>&1
}

# The address from which this machine gets the Debian suite $1, such as
# "bookworm" or "bookworm-security".
own_address() {
	# shellcheck disable=SC2016 # apt's own variables
	apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(REPO_URI)' \
		"Created-By: Packages" |
		awk -v suite="$1" '$1 == "Debian" && $2 == suite && !seen++ { print $3 }'
}

# One view is a set of suites: "own" are those of this machine's release, "next"
# those of the release after it. Nothing under /etc/apt is touched, and what is
# installed on the machine does not matter to a view.
declare -A RELEASE=([own]=bookworm [next]=trixie)

write_view() {
	local view=$1 dir=$APT/$1 release main security suite
	local keyring=/usr/share/keyrings/debian-archive-keyring.gpg

	release=${RELEASE[$view]}
	main=$(own_address "${RELEASE[own]}")
	security=$(own_address "${RELEASE[own]}-security")
	[ -n "$main" ] || return 1

	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	: >"$dir/status"
	{
		for suite in "$release" "$release-updates" "$release-backports"; do
			echo "deb [signed-by=$keyring] $main $suite main"
		done
		if [ -n "$security" ]; then
			suite=$release-security
			echo "deb [signed-by=$keyring] $security $suite main"
		fi
	} >"$dir/sources.list"
	cat >"$dir/apt.conf" <<-END
		Dir::Etc::sourcelist "$dir/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		Dir::State::lists "$dir/lists";
		Dir::State::status "$dir/status";
		Dir::Cache "$dir/cache";
		Acquire::Languages "none";
		Acquire::Retries "3";
		APT::Default-Release "";
		APT::Sandbox::User "";
	END
}

# Runs an apt command in a view.
in_view() {
	local view=$1

	shift
	APT_CONFIG=$APT/$view/apt.conf "$@"
}

# Makes the views and fetches their package lists.
update_views() {
	local view

	if [ -z "$(own_address "${RELEASE[own]}")" ]; then
		retry as_root apt-get -q update >"$CACHE/apt.log" 2>&1 || true
	fi
	for view in own next; do
		write_view "$view" ||
			die "this machine has no apt source for Debian ${RELEASE[own]}"
		say "setup: fetching package lists of ${RELEASE[$view]}"
		retry in_view "$view" apt-get -q update >"$APT/$view/log" 2>&1 || {
			tail -5 "$APT/$view/log" >&2
			die "cannot fetch package lists (see $APT/$view/log)"
		}
	done
}

# Downloads packages of a view ("name" or "name=version") to directory $2.
download() {
	local view=$1 dir=$2

	shift 2
	mkdir -p "$dir"
	(cd "$dir" && retry in_view "$view" apt-get -q download "$@" \
		>"$dir/log" 2>&1) || {
		tail -5 "$dir/log" >&2
		die "cannot download $* (see $dir/log)"
	}
}
