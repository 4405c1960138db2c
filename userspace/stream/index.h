/* SPDX-License-Identifier: GPL-2.0-only */
/* The target pages that a stream brought: which, and what is in them. */
#ifndef STREAM_INDEX_H
#define STREAM_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "parser.h"

struct index_page {
	uint64_t key;		/* block << 32 | number of the target page */
	const uint8_t *data;	/* NULL for a zero page */
};

struct index {
	struct index_page *pages;
	uint64_t nr, room;
	uint64_t **seen;	/* for each block, one bit a target page */
	uint32_t nr_blocks;
	bool sorted;
	bool keep;		/* the pages' bytes, too */
	uint8_t **chunks;	/* where they are kept */
	uint64_t kept, nr_chunks;
};

static inline uint32_t index_block(const struct index_page *page)
{
	return page->key >> 32;
}

static inline uint64_t index_offset(const struct index_page *page)
{
	return (page->key & UINT32_MAX) << 12;
}

/* With @keep, the pages' bytes are copied; else a page's ->data is not to be used. */
int index_init(struct index *index, const struct stream_block *blocks, uint32_t nr,
	       bool keep);
void index_free(struct index *index);

/* -EEXIST: the page is there already; -EFBIG: too many pages; -ENOMEM. */
int index_add(struct index *index, uint32_t block, uint64_t offset, const uint8_t *data);

/* To be called once, after the last index_add(). */
void index_sort(struct index *index);

/* The number of the page in index->pages, or -1. After index_sort(). */
int64_t index_find(const struct index *index, uint32_t block, uint64_t offset);

#endif /* STREAM_INDEX_H */
