// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzes the parser. Each input is parsed twice: from memory, and through a
 * callback that hands out small pieces. Both must see exactly the same, and
 * whatever a callback is told must be within what was announced.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "parser.h"

struct seen {
	const struct stream_block *blocks;
	uint32_t nr_blocks;
	uint64_t pages, zero_pages, skipped;
	uint64_t sum;		/* of all that was told */
	uint64_t last_record;
};

/* What the callback reads from. */
struct pieces {
	const uint8_t *data;
	size_t left;
	size_t piece;
};

static void check(bool good)
{
	if (!good)
		abort();
}

static void add(struct seen *seen, const void *data, size_t len)
{
	const uint8_t *p = data;

	/* FNV-1a */
	while (len--)
		seen->sum = (seen->sum ^ *p++) * 0x100000001b3ULL;
}

static void add_number(struct seen *seen, uint64_t value)
{
	add(seen, &value, sizeof(value));
}

static int on_blocks(void *ctx, const struct stream_block *blocks, uint32_t nr)
{
	struct seen *seen = ctx;
	uint64_t total = 0;
	uint32_t i;

	check(!seen->blocks && nr && nr <= STREAM_BLOCKS_MAX);
	seen->blocks = blocks;
	seen->nr_blocks = nr;
	for (i = 0; i < nr; i++) {
		check(blocks[i].length && blocks[i].length % 4096 == 0);
		check(memchr(blocks[i].name, '\0', sizeof(blocks[i].name)));
		check(blocks[i].name[0]);
		total += blocks[i].length;
		check(total <= STREAM_RAM_MAX);
		add(seen, blocks[i].name, strlen(blocks[i].name));
		add_number(seen, blocks[i].length);
		add_number(seen, blocks[i].page_size);
	}
	return 0;
}

static int on_page(void *ctx, uint32_t block, uint64_t offset, const uint8_t *data,
		   uint64_t record)
{
	struct seen *seen = ctx;

	check(seen->blocks && block < seen->nr_blocks);
	check(offset % 4096 == 0 && offset < seen->blocks[block].length);
	check(record > seen->last_record);
	seen->last_record = record;
	seen->pages++;
	seen->zero_pages += !data;
	add_number(seen, block);
	add_number(seen, offset);
	if (data)
		add(seen, data, 4096);
	return 0;
}

static int on_skipped(void *ctx, const char *name, uint32_t instance, uint64_t bytes,
		      uint64_t record)
{
	struct seen *seen = ctx;

	check(bytes >= 10 && record >= 8 && strlen(name) < STREAM_NAME_MAX);
	seen->skipped++;
	add(seen, name, strlen(name));
	add_number(seen, instance);
	add_number(seen, bytes);
	return 0;
}

static ssize_t read_piece(void *ctx, void *buf, size_t len)
{
	struct pieces *pieces = ctx;
	size_t n = pieces->left;

	if (n > len)
		n = len;
	if (n > pieces->piece)
		n = pieces->piece;
	memcpy(buf, pieces->data, n);
	pieces->data += n;
	pieces->left -= n;
	return n;
}

static int parse(struct reader *reader, struct seen *seen, struct stream_info *info,
		 struct stream_error *error)
{
	static const struct stream_ops ops = {
		.blocks = on_blocks, .page = on_page, .skipped = on_skipped,
	};
	int err;

	memset(seen, 0, sizeof(*seen));
	err = stream_parse(reader, &ops, seen, info, error);
	check(!err || err == -EBADMSG);
	check(!err == !error->text[0]);
	check(seen->pages == info->pages && seen->zero_pages == info->zero_pages);
	check(seen->skipped == info->skipped_sections);
	check(err || (info->ram_complete && seen->nr_blocks));
	seen->blocks = NULL;
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pieces pieces = { .data = data, .left = size };
	struct stream_info info, info2;
	struct stream_error error, error2;
	struct seen seen, seen2;
	struct reader reader;
	int err;

	reader_init_memory(&reader, data, size);
	err = parse(&reader, &seen, &info, &error);
	check(error.offset <= size && info.bytes <= size);
	check(err || info.bytes == size);
	reader_free(&reader);

	/* The pieces' size is the input's to choose, but not one byte for all. */
	pieces.piece = 1 + (size ? (data[size - 1] * 16u) : 0);
	if (reader_init_callback(&reader, read_piece, &pieces, READER_WINDOW))
		return 0;
	check(parse(&reader, &seen2, &info2, &error2) == err);
	reader_free(&reader);
	check(error.offset == error2.offset && !strcmp(error.text, error2.text));
	check(!memcmp(&seen, &seen2, sizeof(seen)));
	check(!memcmp(&info, &info2, sizeof(info)));
	return 0;
}
