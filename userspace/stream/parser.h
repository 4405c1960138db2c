/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parser of QEMU's migration stream. It takes bytes from a reader and tells
 * what it finds through callbacks; it opens nothing, keeps no page, and no
 * number of the stream decides how much it allocates.
 */
#ifndef STREAM_PARSER_H
#define STREAM_PARSER_H

#include <stdbool.h>
#include <stdint.h>

#include "reader.h"

#define STREAM_NAME_MAX		256	/* with the closing NUL */
#define STREAM_BLOCKS_MAX	1024
#define STREAM_SECTIONS_MAX	1024	/* that come in several parts */
#define STREAM_RAM_MAX		0x100000000000ULL

/* A RAM block of the guest. */
struct stream_block {
	char name[STREAM_NAME_MAX];
	uint64_t length;	/* bytes, a multiple of the target page */
	uint64_t page_size;	/* of the source's memory, bytes */
};

/* What the stream held; filled in as far as the parser got. */
struct stream_info {
	char machine[STREAM_NAME_MAX];	/* "" if the stream does not tell */
	uint32_t nr_blocks;
	uint64_t ram_bytes;		/* length of all blocks */
	uint64_t pages;			/* records of target pages, zero included */
	uint64_t zero_pages;
	uint64_t ram_sections;
	uint64_t skipped_sections;
	uint64_t skipped_bytes;
	uint64_t ram_end;		/* offset behind RAM's last section */
	uint64_t unparsed_bytes;	/* behind RAM's end, not looked at */
	uint64_t bytes;			/* length of the stream */
	bool postcopy_advised;
	bool ignore_shared;		/* shared blocks' pages are left out */
	bool ram_complete;
	bool footers;
	bool description;		/* the description in JSON was there */
};

/* Why the parser stopped: a sentence, and where in the input. */
struct stream_error {
	uint64_t offset;
	char text[512];
};

/*
 * All return 0, or a negative errno that stops the parser and is returned by
 * it (with no text). @record is the offset in the input of what is told of.
 */
struct stream_ops {
	/* The list of RAM blocks is complete. It stays valid while parsing. */
	int (*blocks)(void *ctx, const struct stream_block *blocks, uint32_t nr);
	/* One target page; @data is NULL for a zero page. */
	int (*page)(void *ctx, uint32_t block, uint64_t offset,
		    const uint8_t *data, uint64_t record);
	/* A section that is not RAM was passed over (may be NULL). */
	int (*skipped)(void *ctx, const char *name, uint32_t instance,
		       uint64_t bytes, uint64_t record);
};

/*
 * Parses to the end of the stream. -EBADMSG: the stream is not as it must be,
 * and @error says where and how; -ENOMEM; or what the reader or a callback
 * returned.
 */
int stream_parse(struct reader *reader, const struct stream_ops *ops, void *ctx,
		 struct stream_info *info, struct stream_error *error);

#endif /* STREAM_PARSER_H */
