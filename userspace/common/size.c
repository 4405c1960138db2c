// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "size.h"

int parse_size(const char *text, uint64_t *bytes)
{
	static const char suffixes[] = "KMGT";
	uint64_t number;
	const char *suffix;
	unsigned int shift;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno)
		return -errno;
	if (!*end) {
		*bytes = number;
		return 0;
	}
	suffix = strchr(suffixes, toupper((unsigned char)*end));
	if (!suffix || end[1])
		return -EINVAL;
	shift = 10 * (unsigned int)(suffix - suffixes + 1);
	if (number > UINT64_MAX >> shift)
		return -ERANGE;
	*bytes = number << shift;
	return 0;
}
