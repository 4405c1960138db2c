// SPDX-License-Identifier: GPL-2.0-only
/*
 * Heads of streams: those that leave memory out are known, others are not, and no byte
 * beyond the end is looked at. TAP.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../head.h"

#define START		"QEVM\0\0\0\3\7\0\0\0\6pc-7.2"
#define PAGE_BITS	"\5\36configuration/target-page-bits\0\0\0\1\0\0\0\14"
#define CAPABILITIES	"\5\32configuration/capabilities\0\0\0\1"
#define IGNORE		"\17x-ignore-shared"
#define MAPPED		"\12mapped-ram"

struct head {
	const char *name;
	enum hps_head is;
	size_t len;
	const char *bytes;
};

#define HEAD(name, is, text) { name, is, sizeof(text) - 1, text }

static const struct head heads[] = {
	HEAD("x-ignore-shared", HPS_HEAD_IGNORE_SHARED,
	     START CAPABILITIES "\0\0\0\1" IGNORE),
	HEAD("x-ignore-shared, after others", HPS_HEAD_IGNORE_SHARED,
	     START PAGE_BITS CAPABILITIES "\0\0\0\2" MAPPED IGNORE),
	HEAD("x-ignore-shared, after what is not known", HPS_HEAD_IGNORE_SHARED,
	     START "\5\5other\0\0\0\1\0\0" CAPABILITIES "\0\0\0\1" IGNORE),
	HEAD("another capability", HPS_HEAD_OTHER,
	     START PAGE_BITS CAPABILITIES "\0\0\0\1" MAPPED "\1\17x-ignore-shared"),
	HEAD("no capability", HPS_HEAD_OTHER, START "\1\0\0\0\0"),
	HEAD("another version", HPS_HEAD_OTHER,
	     "QEVM\0\0\0\2\7\0\0\0\6pc-7.2" CAPABILITIES "\0\0\0\1" IGNORE),
	HEAD("no end of capabilities", HPS_HEAD_OTHER,
	     START CAPABILITIES "\377\377\377\377" MAPPED),
	HEAD("a machine's name that is too long", HPS_HEAD_OTHER,
	     "QEVM\0\0\0\3\7\377\377\377\377pc-7.2" CAPABILITIES "\0\0\0\1" IGNORE),
	HEAD("cpr", HPS_HEAD_CPR, "QCPR\0\0\0\1"),
	HEAD("nothing", HPS_HEAD_OTHER, ""),
	HEAD("a page of a guest", HPS_HEAD_OTHER, "\0\0\0\0\0\0\0\0\0\0"),
};

int main(void)
{
	unsigned int i, failed = 0;

	for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		const struct head *head = &heads[i];
		size_t len, need = head->is == HPS_HEAD_CPR ? 4 : head->len;
		int good = 1;

		/* Whatever part of it is there, in memory that ends with it. */
		for (len = 0; len <= head->len; len++) {
			char *part = malloc(len ?: 1);

			if (!part)
				return 1;
			memcpy(part, head->bytes, len);
			good &= hps_head_of(part, len) == (len < need ? HPS_HEAD_OTHER : head->is);
			free(part);
		}
		failed += !good;
		printf("%s %u - head: %s\n", good ? "ok" : "not ok", i + 1, head->name);
	}
	printf("1..%u\n", i);
	return failed > 0;
}
