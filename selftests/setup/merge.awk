# SPDX-License-Identifier: GPL-2.0-only
#
# Merges the TAP of several programs, each between "#### start NAME" and
# "#### end NAME STATUS", to lines
#
#	ok - JOB: NAME: TEST
#	not ok - JOB: NAME: TEST
#	ok - JOB: NAME: TEST # SKIP WHY
#
# and keeps diagnostics as comments. What did not come is a failure: a program
# of "programs" that did not end, a test of a plan without a result, an exit
# status that does not fit the results.
#
# Variables: job; programs, a list of names that must come.

function result(good, test) {
	sub(/^ *-? */, "", test)
	print (good ? "ok" : "not ok") " - " job ": " name ": " test
	fflush()
	if (!good)
		failed++
}

function finish(status) {
	if (planned < 0 && !seen)
		result(0, "has no results (exit status " status ")")
	while (seen < planned) {
		seen++
		result(0, "result " seen " of " planned " never came")
	}
	# 4 is kselftest's status of a skipped program.
	if (status != 0 && status != 4 && !failed)
		result(0, "ended with status " status)
	ended[name] = 1
	name = ""
}

{ sub(/\r$/, "") }

/^#### start / {
	if (name != "")
		finish("unknown")
	name = substr($0, 12)
	planned = -1
	seen = failed = 0
	next
}

/^#### end / {
	if (name != "")
		finish($NF)
	next
}

name == "" {
	if (NF)
		print "# " $0
	next
}

/^1\.\.[0-9]+/ {
	planned = substr($1, 4) + 0
	if (planned == 0)
		result(1, "all # SKIP" ($0 ~ /SKIP/ ? substr($0, index($0, "SKIP") + 4) : ""))
	next
}

/^(not )?ok( |$)/ {
	good = $1 == "ok"
	sub(/^(not )?ok *[0-9]*/, "")
	seen++
	result(good, $0)
	next
}

/^TAP version/ { next }

{
	print ($0 ~ /^#/ ? "" : "# ") $0
	fflush()
}

END {
	if (name != "")
		finish("unknown")
	count = split(programs, list, " ")
	for (i = 1; i <= count; i++) {
		if (list[i] in ended)
			continue
		name = list[i]
		result(0, "was not run to its end")
	}
}
