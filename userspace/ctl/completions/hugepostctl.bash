# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Completion of hugepostctl for bash.

# The numbers of all objects, the first column of the list.
_hugepostctl_ids()
{
	hugepostctl list 2>/dev/null | awk 'NR > 1 { print $1 }'
}

# The command, and how many of its words there are before the current one.
_hugepostctl_words()
{
	local i
	command='' nr=0
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-* | =) ;;
		*)
			# The value of an option is no word.
			[[ ${COMP_WORDS[i - 1]} == = ]] && continue
			[[ ${COMP_WORDS[i - 1]} =~ ^--(cells|count|format|interval|output|timeout)$ ]] && continue
			if [[ -z $command ]]; then
				command=${COMP_WORDS[i]}
			else
				word=${COMP_WORDS[i]}
				nr=$((nr + 1))
			fi
			;;
		esac
	done
}

_hugepostctl()
{
	local current=${COMP_WORDS[COMP_CWORD]} command nr word='' options='' words=''

	_hugepostctl_words
	case $command in
	'')
		options=--json
		words='list show channels map monitor top stats metrics wait trim reserve limit step'
		;;
	list) options='--all --json' ;;
	show) options=--json ;;
	channels) options='--interval --json' ;;
	map) options='--cells --json' ;;
	monitor) options=--json ;;
	top) options=--interval ;;
	stats) options='--interval --count --json' ;;
	metrics) options='--format --output' ;;
	wait) options='--armed --complete --timeout --json' ;;
	trim | reserve | limit | step) options=--json ;;
	esac
	case $command-$nr in
	show-0 | channels-0 | map-0 | wait-0 | trim-0)
		[[ $current == -* ]] || words=$(_hugepostctl_ids)
		;;
	reserve-0 | limit-0 | step-0) words='get set' ;;
	limit-1) [[ $word != set ]] || words=none ;;
	esac
	case ${COMP_WORDS[COMP_CWORD - 1]} in
	--format) words='openmetrics prometheus' ;;
	--output)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	esac
	[[ $current != -* ]] || words="$options --help --usage --version"
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _hugepostctl hugepostctl
