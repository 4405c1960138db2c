// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "format.h"
#include "index.h"

#define CHUNK_PAGES	4096
#define CHUNK_BYTES	(CHUNK_PAGES * QEVM_TARGET_PAGE)

int index_init(struct index *index, const struct stream_block *blocks, uint32_t nr,
	       bool keep)
{
	uint32_t i;

	*index = (struct index) { .sorted = true, .keep = keep };
	index->seen = calloc(nr, sizeof(*index->seen));
	if (!index->seen)
		return -ENOMEM;
	index->nr_blocks = nr;
	for (i = 0; i < nr; i++) {
		/* Memory that is not written to is not used up. */
		index->seen[i] = calloc((blocks[i].length >> 12) / 64 + 1, sizeof(uint64_t));
		if (!index->seen[i])
			return -ENOMEM;
	}
	return 0;
}

void index_free(struct index *index)
{
	uint64_t i;

	for (i = 0; i < index->nr_chunks; i++)
		munmap(index->chunks[i], CHUNK_BYTES);
	free(index->chunks);
	for (i = 0; i < index->nr_blocks; i++)
		free(index->seen[i]);
	free(index->seen);
	free(index->pages);
	*index = (struct index) { .nr = 0 };
}

static int grow(struct index *index)
{
	uint64_t room = index->room ? 2 * index->room : 4096;
	struct index_page *pages;

	pages = reallocarray(index->pages, room, sizeof(*pages));
	if (!pages)
		return -ENOMEM;
	index->pages = pages;
	index->room = room;
	return 0;
}

static int add_chunk(struct index *index)
{
	uint8_t **chunks;
	void *chunk;

	chunks = reallocarray(index->chunks, index->nr_chunks + 1, sizeof(*chunks));
	if (!chunks)
		return -ENOMEM;
	index->chunks = chunks;
	chunk = mmap(NULL, CHUNK_BYTES, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (chunk == MAP_FAILED)
		return -errno;
	index->chunks[index->nr_chunks++] = chunk;
	return 0;
}

/* Puts a copy's address into *@data. */
static int keep_page(struct index *index, const uint8_t **data)
{
	uint8_t *copy;
	int err;

	if (index->kept == index->nr_chunks * CHUNK_PAGES) {
		err = add_chunk(index);
		if (err)
			return err;
	}
	copy = index->chunks[index->nr_chunks - 1] +
	       index->kept++ % CHUNK_PAGES * QEVM_TARGET_PAGE;
	*data = memcpy(copy, *data, QEVM_TARGET_PAGE);
	return 0;
}

int index_add(struct index *index, uint32_t block, uint64_t offset, const uint8_t *data)
{
	uint64_t page = offset >> 12, key = (uint64_t)block << 32 | page;
	uint64_t *word = &index->seen[block][page / 64], bit = 1ULL << page % 64;
	int err;

	if (*word & bit)
		return -EEXIST;
	if (index->nr == UINT32_MAX)
		return -EFBIG;
	if (index->nr == index->room) {
		err = grow(index);
		if (err)
			return err;
	}
	if (data && index->keep) {
		err = keep_page(index, &data);
		if (err)
			return err;
	}
	*word |= bit;
	if (index->nr && index->pages[index->nr - 1].key > key)
		index->sorted = false;
	index->pages[index->nr++] = (struct index_page) { .key = key, .data = data };
	return 0;
}

static int compare_keys(const void *a, const void *b)
{
	const struct index_page *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

void index_sort(struct index *index)
{
	if (!index->sorted)
		qsort(index->pages, index->nr, sizeof(*index->pages), compare_keys);
	index->sorted = true;
}

int64_t index_find(const struct index *index, uint32_t block, uint64_t offset)
{
	struct index_page key = { .key = (uint64_t)block << 32 | offset >> 12 }, *found;

	found = bsearch(&key, index->pages, index->nr, sizeof(key), compare_keys);
	return found ? found - index->pages : -1;
}
