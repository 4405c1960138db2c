// SPDX-License-Identifier: GPL-2.0-only
/* The section "ram": the list of blocks, then target pages. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "parser-internal.h"

static struct stream_block *find_block(struct parser *p, const char *name)
{
	uint32_t i;

	for (i = 0; i < p->info->nr_blocks; i++)
		if (!strcmp(p->blocks[i].name, name))
			return &p->blocks[i];
	return NULL;
}

/*
 * After POSTCOPY_ADVISE the source tells the page size of those blocks whose
 * memory is not on its ordinary pages. What else can follow a block is the
 * length of the next block's name (not 0) or, after the last block, a record's
 * flags (not 0): the first byte 0 and no flags tell a page size from both.
 */
static int take_page_size(struct parser *p, struct stream_block *block, bool last)
{
	uint64_t offset = reader_offset(p->reader), size;
	const uint8_t *data;
	size_t have;
	int err;

	block->page_size = QEVM_TARGET_PAGE;
	if (!p->info->postcopy_advised)
		return 0;
	err = reader_peek(p->reader, 8, &data, &have);
	if (err || have < 8 || data[0])
		return err;
	size = get_be64(data);
	if (last && (size & QEVM_FLAGS_MASK))
		return 0;
	if (size <= QEVM_TARGET_PAGE || (size & (size - 1)))
		return stream_fail(p, offset,
				   "the block '%s' has pages of %" PRIu64 " bytes: expected a "
				   "power of two above 4096",
				   block->name, size);
	block->page_size = size;
	reader_advance(p->reader, 8);
	return 0;
}

static int take_block(struct parser *p, uint64_t *left)
{
	uint64_t offset = reader_offset(p->reader), address;
	struct stream_block *block;
	int err;

	if (p->info->nr_blocks == STREAM_BLOCKS_MAX)
		return stream_fail(p, offset, "more than %d RAM blocks", STREAM_BLOCKS_MAX);
	err = stream_grow((void **)&p->blocks, p->info->nr_blocks, sizeof(*block));
	if (err)
		return err;
	block = &p->blocks[p->info->nr_blocks];
	err = stream_take_string(p, "the name of a RAM block", block->name);
	if (err)
		return err;
	if (find_block(p, block->name))
		return stream_fail(p, offset, "the RAM block '%s' is listed a second time",
				   block->name);
	offset = reader_offset(p->reader);
	err = stream_take64(p, "the length of a RAM block", &block->length);
	if (err)
		return err;
	if (!block->length || block->length & QEVM_FLAGS_MASK || block->length > *left)
		return stream_fail(p, offset,
				   "the RAM block '%s' has %" PRIu64 " bytes: expected a multiple "
				   "of 4096, at most %" PRIu64,
				   block->name, block->length, *left);
	*left -= block->length;
	err = take_page_size(p, block, !*left);
	if (!err && p->info->ignore_shared)
		err = stream_take64(p, "the address of a RAM block", &address);
	if (!err)
		p->info->nr_blocks++;
	return err;
}

static int take_blocks(struct parser *p, uint64_t total, uint64_t record)
{
	uint64_t left = total;
	int err;

	if (p->info->nr_blocks)
		return stream_fail(p, record, "the list of RAM blocks comes a second time");
	if (!total || total > STREAM_RAM_MAX)
		return stream_fail(p, record,
				   "the guest is said to have %" PRIu64 " bytes of RAM: expected "
				   "1 to %llu",
				   total, STREAM_RAM_MAX);
	while (left) {
		err = take_block(p, &left);
		if (err)
			return err;
	}
	p->info->ram_bytes = total;
	return p->ops->blocks(p->ctx, p->blocks, p->info->nr_blocks);
}

/* The block of a page's record, named unless the record continues the last. */
static int take_page_block(struct parser *p, uint64_t flags, uint64_t addr,
			   uint64_t record)
{
	char name[STREAM_NAME_MAX];
	int err;

	if (!p->info->nr_blocks)
		return stream_fail(p, record, "a page before the list of RAM blocks");

	if (!(flags & QEVM_RAM_CONTINUE)) {
		err = stream_take_string(p, "the name of a RAM block", name);
		if (err)
			return err;
		if (!p->last_block || strcmp(p->last_block->name, name))
			p->last_block = find_block(p, name);
		if (!p->last_block)
			return stream_fail(p, record,
					   "a page of the unknown block '%s': expected one of the "
					   "%" PRIu32 " listed",
					   name, p->info->nr_blocks);
	}
	if (!p->last_block)
		return stream_fail(p, record,
				   "a page of the same block as before: expected a block's name "
				   "first");
	if (addr >= p->last_block->length)
		return stream_fail(p, record,
				   "the address 0x%" PRIx64 " is outside of the block '%s': "
				   "expected one below 0x%" PRIx64,
				   addr, p->last_block->name, p->last_block->length);
	return 0;
}

static int take_page(struct parser *p, uint64_t flags, uint64_t addr, uint64_t record)
{
	const uint8_t *data = NULL;
	uint8_t fill;
	int err;

	err = take_page_block(p, flags, addr, record);
	if (err)
		return err;

	if (flags & QEVM_RAM_ZERO) {
		err = stream_take8(p, "a zero page's fill byte", &fill);
		if (!err && fill)
			err = stream_fail(p, record,
					  "a zero page filled with 0x%02x: expected 0x00", fill);
		p->info->zero_pages += !err;
	} else {
		err = stream_take(p, QEVM_TARGET_PAGE, "a page's content", &data);
	}
	if (err)
		return err;
	p->info->pages++;
	return p->ops->page(p->ctx, p->last_block - p->blocks, addr, data, record);
}

static int bad_flags(struct parser *p, uint64_t flags, uint64_t record)
{
	static const struct {
		uint64_t flag;
		const char *text;
	} known[] = {
		{ QEVM_RAM_XBZRLE,
		  "XBZRLE (0x40) is not supported: migrate with the capability xbzrle off" },
		{ QEVM_RAM_HOOK,
		  "HOOK (0x80), which RDMA uses, is not supported: migrate over a socket or a "
		  "file" },
		{ QEVM_RAM_COMPRESS_PAGE,
		  "COMPRESS_PAGE (0x100) is not supported: migrate with the capability compress "
		  "off" },
		{ QEVM_RAM_MULTIFD_FLUSH,
		  "MULTIFD_FLUSH (0x200) is not supported: migrate with the capability multifd "
		  "off" },
		{ QEVM_RAM_FULL, "FULL (0x01) is not in use since 2009" },
		{ 0, NULL },
	};
	size_t i;

	for (i = 0; known[i].flag; i++)
		if (flags & known[i].flag)
			return stream_fail(p, record, "the record's flag %s", known[i].text);
	return stream_fail(p, record,
			   "a record with the unknown flags 0x%03" PRIx64 ": expected ZERO, "
			   "MEM_SIZE, PAGE or EOS",
			   flags);
}

int ram_records(struct parser *p)
{
	uint64_t record, value, flags, addr;
	int err;

	for (;;) {
		record = reader_offset(p->reader);
		err = stream_take64(p, "a RAM record", &value);
		if (err)
			return err;
		flags = value & QEVM_FLAGS_MASK;
		addr = value & ~QEVM_FLAGS_MASK;

		switch (flags) {
		case QEVM_RAM_MEM_SIZE:
			err = take_blocks(p, addr, record);
			break;
		case QEVM_RAM_ZERO:
		case QEVM_RAM_PAGE:
		case QEVM_RAM_ZERO | QEVM_RAM_CONTINUE:
		case QEVM_RAM_PAGE | QEVM_RAM_CONTINUE:
			err = take_page(p, flags, addr, record);
			break;
		case QEVM_RAM_EOS:
			if (addr)
				return stream_fail(p, record,
						   "the end mark of a RAM section holds the "
						   "address 0x%" PRIx64 ": expected 0",
						   addr);
			return 0;
		default:
			return bad_flags(p, flags, record);
		}
		if (err)
			return err;
	}
}
