# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# What a test VM checks around its tests: loading and unloading of the module,
# the kernel's log, and that memory came back. To be sourced in the VM, with
# $module set; "begin_checks" comes first.

# Lines of the kernel's log that no test may cause. Names of tests do not get in
# the way: only the kernel writes here, but for marks of this script.
TROUBLE='WARNING:|BUG:|BUG [a-z]|Oops|general protection|invalid opcode|Call Trace'
TROUBLE+='|possible recursive locking|circular locking|inconsistent lock state'
TROUBLE+='|suspicious RCU|sleeping function called|scheduling while atomic'
TROUBLE+='|[Bb]ad page|[Bb]ad rss|page dumped|refcount_t|list_(add|del) corruption'
TROUBLE+='|KASAN|KCSAN|KMSAN|UBSAN|KFENCE|kmemleak|[Ll]eak|still has|use-after-free'
TROUBLE+='|stuck|blocked for more than|rcu.*stall|Killed process'

# What tests cause, as sed(1) takes it out: they try to take memory away that an
# object has, let a process of this name use all memory up, and let allocations
# fail, those of kmemleak, too. A report's process may be a test named leak. Functions
# on a stack say nothing: what is wrong stands above them.
EXPECTED='/page dumped because: unmovable page$/d'
EXPECTED+=';/ invoked oom-killer: /,/<\/TASK>/d;/Killed process [0-9]* (hog)/d'
EXPECTED+=';/kmemleak: Cannot allocate /d;/ PID: [0-9]* Comm: leak /d'
EXPECTED+=';/^\[[^]]*\]  *\(? \)\?[A-Za-z0-9_.]*+0x[0-9a-f]*\/0x[0-9a-f]*\( \[.*\]\)\?$/d'

# All that the kernel wrote, beside the module.
kernel_log=${module%/*}/${0##*/}.log

# What may stay behind, in KiB: less than one huge page.
TOLERANCE=1024

# What the kernel tells of each page's owner.
OWNERS=/sys/kernel/debug/page_owner_stacks

# A data race is trouble if one of its two sides is in the module, or in what the
# module calls: the kernel has some of its own.
only_own_races() {
	awk '
		function tell() { if (title && own) print title; title = "" }
		/BUG: KCSAN: / { tell(); title = $0; own = /\[hugepost\]/; next }
		/ (read|write).* to 0x.* bytes by / { frames = 3 }
		frames-- > 0 && /\[hugepost\]/ { own = 1 }
		/Reported by Kernel Concurrency Sanitizer/ { tell() }
		{ print }
		END { tell() }
	'
}

# Prints what the kernel wrote since the last call, if it is trouble.
new_trouble() {
	local new

	new=$(dmesg --read-clear) || {
		echo "the kernel's log cannot be read"
		return
	}
	printf '%s\n' "$new" >>"$kernel_log" || echo "cannot write $kernel_log"
	only_own_races <<<"$new" | sed "$EXPECTED" | grep -E "$TROUBLE"
}

# check NAME COMMAND...: one TAP line.
checks=0
check() {
	local name=$1 output status=0

	shift
	checks=$((checks + 1))
	output=$("$@" 2>&1) || status=$?
	[ -z "$output" ] || printf '# %s\n' "${output//$'\n'/$'\n'# }"
	if [ "$status" = 0 ]; then
		echo "ok $checks $name"
	else
		echo "not ok $checks $name"
	fi
}

log_is_clean() {
	local trouble

	trouble=$(new_trouble)
	[ -z "$trouble" ] || {
		printf '%s\n' "$trouble" "see $kernel_log"
		return 1
	}
}

# Only what is unreferenced, and unchanged, from one scan to the next is lost, and
# what is younger than five seconds is not looked at.
nothing_leaked() {
	local leaks=/sys/kernel/debug/kmemleak lost

	sleep 6
	for _ in 1 2 3; do
		echo scan >"$leaks" || return 1
	done
	lost=$(<"$leaks")
	echo clear >"$leaks"
	printf '%s' "$lost"
	[ -z "$lost" ]
}

# Which lines of the module ran: what gcov reads is put beside the module.
save_coverage() {
	local gcov=/sys/kernel/debug/gcov file

	for file in "$gcov${module%/*}"/kmod/*.gcda; do
		[ ! -e "$file" ] || cat "$file" >"${file#"$gcov"}"
	done
}

# The first report is lockdep's last.
lockdep_is_on() {
	grep -q 'debug_locks: *1' /proc/lockdep_stats
}

# Who allocated the pages that are in use, by what the page owner keeps: a line for
# each stack, with its KiB first.
page_owners() {
	awk 'BEGIN { RS = "" } {
		pages = $NF
		sub(/nr_base_pages:.*/, "")
		gsub(/[ \n]+/, " ")
		print 4 * pages, $0
	}' "$OWNERS/show_stacks"
}

# Memory that nothing accounts for, in KiB: what a driver takes page by page and
# does not give back ends up here, while caches and processes do not matter. Free
# pages on the CPUs' own lists are in zoneinfo only. A debug kernel keeps each
# stack that it has ever seen, in pools of 16 KiB, and KASAN its notes on threads'
# stacks.
unaccounted() {
	local stacks=/sys/kernel/debug/stackdepot/stats

	[ -e "$stacks" ] || stacks=/dev/null
	{ [ ! -e "$OWNERS" ] || page_owners; } | awk '
		/kasan_populate_vmalloc/ { sum -= $1 }
		/^MemTotal:/ { sum += $2 }
		/^(MemFree|Buffers|Cached|SwapCached|AnonPages|Slab):/ { sum -= $2 }
		/^(KernelStack|PageTables|SecPageTables|Percpu):/ { sum -= $2 }
		/^VmallocUsed:/ { sum -= $2 }
		$1 == "count:" { sum -= 4 * $2 }
		$1 == "pools:" { sum -= 16 * $2 }
		END { print sum }
	' - /proc/meminfo /proc/zoneinfo "$stacks"
}

# Free memory in blocks of 2 MiB and more, in KiB.
free_huge() {
	awk '{ for (i = 14; i <= NF; i++) sum += $i * 2048 * 2 ^ (i - 14) }
	     END { print sum + 0 }' /proc/buddyinfo
}

hugetlb_free() {
	awk '/^HugePages_Free:/ { print $2 }' /proc/meminfo
}

settle() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	echo 1 >/proc/sys/vm/compact_memory
	sleep 0.5
}

# The ten that have more than before, if it is a lot.
new_page_owners() {
	page_owners | awk '
		{ size = $1; $1 = "" }
		FILENAME == "-" { more = size - had[$0] }
		FILENAME != "-" { had[$0] = size }
		more >= 256 { print more " KiB more:" $0 }
	' "$owners_before" - | sort -rn | head
}

# Huge pages of the module that are in use, but for those with memory errors. Once
# it is unloaded its name is in no stack.
no_huge_page_is_left() {
	page_owners | awk -v bad="$(bad_pages)" '
		/ hp_(folio|reserve)_/ && $1 >= 2048 { left = left $0 "\n"; sum += $1 }
		END { if (sum > bad) { printf "%s", left; exit 1 } }
	'
}

# KiB of huge pages with memory errors, if each has one.
bad_pages() {
	awk '/^HardwareCorrupted:/ { print $2 / 4 * 2048 }' /proc/meminfo
}

# A memory error costs its whole huge page: the kernel never lets go of it.
memory_came_back() {
	local now bad

	settle
	now=$(unaccounted)
	bad=$(bad_pages)
	echo "unaccounted memory: $before KiB before, $now KiB after," \
		"$bad KiB in huge pages with memory errors"
	[ $((now - before - bad)) -le "$TOLERANCE" ] && return
	[ ! -e "$OWNERS" ] || new_page_owners
	return 1
}

huge_memory_came_back() {
	local now hugetlb

	now=$(free_huge)
	hugetlb=$(hugetlb_free)
	echo "free in 2 MiB blocks: $before_huge KiB before, $now KiB after"
	echo "free hugetlb pages: $before_hugetlb before, $hugetlb after"
	[ "$now" -ge $((before_huge * 9 / 10)) ] &&
		[ "$hugetlb" = "$before_hugetlb" ]
}

# $load_arguments: parameters of the module, none by default.
load() {
	# shellcheck disable=SC2086
	insmod "$module" ${load_arguments:-} && [ -c /dev/hugepost ]
}

unload() {
	rmmod "$(basename "$module" .ko)" && [ ! -e /dev/hugepost ]
}

section() {
	local name=$1 check

	shift
	echo "#### start $name"
	echo "1..$#"
	checks=0
	for check; do
		check "${check//_/ }" "$check"
	done
	echo "#### end $name 0"
}

# Takes the figures that are compared with at the end, once the module's first
# load and the caches' first growth are over.
begin_checks() {
	echo 60 >/proc/sys/kernel/hung_task_timeout_secs 2>/dev/null
	echo -1 >/proc/sys/kernel/hung_task_warnings 2>/dev/null
	[ ! -e /sys/kernel/debug/kcsan ] || echo on >/sys/kernel/debug/kcsan
	new_trouble >/dev/null
	: >"$kernel_log"
	load && unload
	settle
	debug_checks=()
	owner_checks=()
	[ ! -e /sys/kernel/debug/kmemleak ] || debug_checks+=(nothing_leaked)
	[ ! -e /proc/lockdep_stats ] || debug_checks+=(lockdep_is_on)
	[ ! -e "$OWNERS" ] || {
		owner_checks+=(no_huge_page_is_left)
		owners_before=$(mktemp)
		page_owners >"$owners_before"
	}
	before=$(unaccounted)
	before_huge=$(free_huge)
	before_hugetlb=$(hugetlb_free)
}
