// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compare.h"
#include "guard.h"

#define CHUNK	(1024 * 1024)

static int read_chunk(int fd, uint8_t *buf, size_t len, uint64_t offset)
{
	ssize_t n;

	while (len) {
		n = pread(fd, buf, len, offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		buf += n;
		offset += n;
		len -= n;
	}
	return 0;
}

/* Offset of the next range's start or end after @offset, at most @end. */
static uint64_t next_edge(const struct range *ranges, size_t nr, uint64_t offset,
			  uint64_t end, bool *inside)
{
	size_t i;

	*inside = false;
	for (i = 0; i < nr; i++) {
		if (ranges[i].start <= offset && offset < ranges[i].end) {
			*inside = true;
			return ranges[i].end < end ? ranges[i].end : end;
		}
	}
	for (i = 0; i < nr; i++)
		if (ranges[i].start > offset && ranges[i].start < end)
			end = ranges[i].start;
	return end;
}

/* Compares bytes of one target page. */
static void compare_part(struct compare_result *result, const uint8_t *mine,
			 const uint8_t *theirs, uint64_t offset, size_t len,
			 uint64_t *last_page)
{
	size_t i = 0;

	result->compared += len;
	if (!memcmp(mine, theirs, len))
		return;
	if (!result->differing) {
		while (mine[i] == theirs[i])
			i++;
		result->first = offset + i;
	}
	if (*last_page != offset / TARGET_PAGE)
		result->differing++;
	*last_page = offset / TARGET_PAGE;
}

static void compare_chunk(const uint8_t *mine, const uint8_t *dump,
			  uint64_t offset, uint64_t end,
			  const struct range *ranges, size_t nr_ranges,
			  struct compare_result *result, uint64_t *last_page)
{
	uint64_t at = offset, next, page_end;
	bool inside;

	while (at < end) {
		page_end = (at | (TARGET_PAGE - 1)) + 1;
		next = next_edge(ranges, nr_ranges, at, page_end < end ? page_end : end,
				 &inside);
		if (inside)
			result->skipped += next - at;
		else
			compare_part(result, mine + (at - offset), dump + (at - offset),
				     at, next - at, last_page);
		at = next;
	}
}

int compare_dump(struct guest *guest, struct guest_block *block, int dump,
		 const struct range *ranges, size_t nr_ranges,
		 struct progress *progress, struct stop *stop,
		 struct compare_result *result)
{
	uint64_t offset, len, chunk, last_page = UINT64_MAX;
	struct stat st;
	uint8_t *buf, *mine;
	int err = 0;

	*result = (struct compare_result) {
		.block = block->name, .block_bytes = block->length,
	};
	if (fstat(dump, &st))
		return guest_problem(guest, -errno, "cannot use the dump");
	result->dump_bytes = st.st_size;
	len = result->dump_bytes < block->length ? result->dump_bytes : block->length;

	buf = malloc(2 * CHUNK);
	if (!buf)
		return guest_problem(guest, -ENOMEM, "cannot read the dump");
	mine = buf + CHUNK;
	for (offset = 0; offset < len; offset += chunk) {
		chunk = len - offset < CHUNK ? len - offset : CHUNK;
		err = stop_check(stop);
		if (err)
			break;
		err = read_chunk(dump, buf, chunk, offset);
		if (err) {
			guest_problem(guest, err, "cannot read the dump");
			break;
		}
		err = guarded_copy(mine, block->memory + offset, chunk);
		if (err) {
			guest_problem(guest, -ENOMEM,
				      "cannot read the block '%s' at 0x%" PRIx64 " or behind",
				      block->name, offset);
			break;
		}
		compare_chunk(mine, buf, offset, offset + chunk, ranges, nr_ranges,
			      result, &last_page);
		progress_update(progress, offset + chunk, len, (offset + chunk) / TARGET_PAGE);
	}
	free(buf);
	result->equal = !err && result->compared && !result->differing &&
			result->dump_bytes <= block->length;
	return err;
}
