# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# bash completion for hugepost-stream(1)

_hugepost_stream()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}

	case $prev in
	-c | --channels | --batch | --block | --compare-skip | --memory | --readers)
		return
		;;
	esac
	if [[ $cur == -* && $prev != --compare && $prev != --device ]]; then
		mapfile -t COMPREPLY < <(compgen -W '--armed --batch --block --channels
			--check --compare --compare-skip --device --help --json --listen
			--memory --prealloc --quiet --readers --shuffle --usage --version' -- "$cur")
	else
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
}

complete -F _hugepost_stream hugepost-stream
