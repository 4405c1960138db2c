// SPDX-License-Identifier: GPL-2.0-only
/*
 * libhugepost-preload: the head of a migration stream (QEMU, migration/savevm.c).
 *
 * After magic and version comes the configuration, a VMState of which only those
 * subsections are there that are needed. One names the capabilities that both sides
 * must have in common, x-ignore-shared among them. All numbers are big-endian.
 */
#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "head.h"

#define MAGIC		0x5145564dU	/* "QEVM" */
#define VERSION		3
#define CPR_MAGIC	0x51435052U	/* "QCPR" */
#define CONFIGURATION	0x07
#define SUBSECTION	0x05

/* What has not been read. All is zeros beyond the end, and stays so. */
struct bytes {
	const uint8_t *at;
	size_t len;
	bool ended;
};

static const uint8_t *take(struct bytes *b, size_t len)
{
	const uint8_t *at = b->at;

	if (len > b->len) {
		b->ended = true;
		b->len = 0;
		return NULL;
	}
	b->at += len;
	b->len -= len;
	return at;
}

static uint32_t take32(struct bytes *b)
{
	const uint8_t *at = take(b, sizeof(uint32_t));
	uint32_t value = 0;

	if (at)
		memcpy(&value, at, sizeof(value));
	return be32toh(value);
}

static uint8_t take8(struct bytes *b)
{
	const uint8_t *at = take(b, 1);

	return at ? *at : 0;
}

/* A text with its length in front. */
static bool take_text(struct bytes *b, const char *text)
{
	uint8_t len = take8(b);
	const uint8_t *at = take(b, len);

	return at && len == strlen(text) && !memcmp(at, text, len);
}

/* Is it what comes next? */
static bool is_text(struct bytes b, const char *text)
{
	return take_text(&b, text);
}

static bool names_ignore_shared(struct bytes *b)
{
	uint32_t nr = take32(b);

	while (nr-- && !b->ended)
		if (take_text(b, "x-ignore-shared"))
			return true;
	return false;
}

/* Behind a subsection that is not known: does the name come anywhere? */
static bool mentions_ignore_shared(struct bytes *b)
{
	static const char text[] = "\17x-ignore-shared";

	return memmem(b->at, b->len, text, sizeof(text) - 1);
}

enum hps_head hps_head_of(const void *data, size_t len)
{
	struct bytes b = { .at = data, .len = len };
	uint32_t magic = take32(&b);
	bool found = false, known = true;

	if (magic == CPR_MAGIC)
		return HPS_HEAD_CPR;
	if (magic != MAGIC || take32(&b) != VERSION || take8(&b) != CONFIGURATION)
		return HPS_HEAD_OTHER;
	take(&b, take32(&b));	/* the machine's type */
	while (known && take8(&b) == SUBSECTION) {
		bool capabilities = is_text(b, "configuration/capabilities");

		/* Only this one, a number, comes before it today. */
		known = is_text(b, "configuration/target-page-bits");
		take(&b, take8(&b));
		take32(&b);	/* the subsection's version */
		if (capabilities)
			found = names_ignore_shared(&b);
		else if (known)
			take32(&b);
		else
			found = mentions_ignore_shared(&b);
	}
	return found ? HPS_HEAD_IGNORE_SHARED : HPS_HEAD_OTHER;
}
