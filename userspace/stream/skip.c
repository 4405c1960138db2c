// SPDX-License-Identifier: GPL-2.0-only
/*
 * Passing over sections of unknown content.
 *
 * The stream does not say how long a device's section is; only the device does.
 * But each section ends with a footer that repeats its id, and behind a footer
 * stands the beginning of something known. So the end is the first place where
 * both are found. What is skipped is never believed to be more than that: RAM
 * that is parsed behind it is still checked record by record.
 */
#include <inttypes.h>
#include <string.h>

#include "parser-internal.h"

#define FOOTER_BYTES	5

/* Could these bytes begin a section with a name? @n can be too few to tell. */
static bool is_first(const uint8_t *data, size_t n)
{
	size_t len;

	if (n < 6)
		return true;
	len = data[5];
	if (!len)
		return false;
	return stream_printable(data + 6, n - 6 < len ? n - 6 : len);
}

static bool is_next(struct parser *p, const uint8_t *data, size_t n)
{
	return n < 5 || find_section(p, get_be32(data + 1));
}

static bool is_command(const uint8_t *data, size_t n)
{
	return n < 5 || command_length(get_be16(data + 1)) == get_be16(data + 3);
}

/* The end, alone or with the description, which is a JSON object. */
static bool is_end(struct parser *p, const uint8_t *data, size_t n)
{
	if (!p->info->ram_complete)
		return false;
	if (n < 2)
		return true;
	return data[1] == QEVM_VMDESCRIPTION && (n < 7 || data[6] == '{');
}

static bool is_boundary(struct parser *p, const uint8_t *data, size_t n)
{
	if (!n)
		return true;
	switch (data[0]) {
	case QEVM_SECTION_START:
	case QEVM_SECTION_FULL:
		return is_first(data, n);
	case QEVM_SECTION_PART:
	case QEVM_SECTION_END:
		return is_next(p, data, n);
	case QEVM_COMMAND:
		return is_command(data, n);
	case QEVM_EOF:
		return is_end(p, data, n);
	default:
		return false;
	}
}

int skip_section(struct parser *p, uint32_t id, const char *name, uint64_t start)
{
	/* A footer, and behind it a section's header with the longest name. */
	const size_t window = FOOTER_BYTES + 6 + UINT8_MAX;
	const uint8_t *data, *at;
	size_t have;
	int err;

	/* Before the first RAM section it is not known whether footers are used. */
	if (p->footers_known && !p->info->footers)
		return stream_fail(p, start,
				   "the section '%s' has neither a length nor a footer: expected "
				   "only RAM before RAM's end",
				   name);

	for (;;) {
		err = reader_peek(p->reader, window, &data, &have);
		if (err)
			return err;
		if (have < FOOTER_BYTES)
			return stream_fail(p, reader_offset(p->reader) + have,
					   "the stream ends in the middle: expected the footer of "
					   "section %" PRIu32 " ('%s', at byte %" PRIu64 ")",
					   id, name, start);

		at = memchr(data, QEVM_FOOTER, have - FOOTER_BYTES + 1);
		if (!at) {
			reader_advance(p->reader, have - FOOTER_BYTES + 1);
			continue;
		}
		if (at > data) {
			reader_advance(p->reader, at - data);
			continue;
		}
		if (get_be32(data + 1) == id &&
		    is_boundary(p, data + FOOTER_BYTES, have - FOOTER_BYTES)) {
			reader_advance(p->reader, FOOTER_BYTES);
			return 0;
		}
		reader_advance(p->reader, 1);
	}
}
