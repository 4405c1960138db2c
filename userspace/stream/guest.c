// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "../common/meminfo.h"
#include "guest.h"

int guest_problem(struct guest *guest, int err, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(guest->problem, sizeof(guest->problem), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(guest->problem))
		snprintf(guest->problem + n, sizeof(guest->problem) - n, ": %s",
			 strerror(-err));
	return err;
}

/* Each object takes two descriptors; the usual soft limit is 1024. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int open_object(struct guest *guest, struct guest_block *block)
{
	const char *device = guest->device ? guest->device : HUGEPOST_DEVICE;
	struct hugepost_options options = {
		.flags = guest->prealloc ? HUGEPOST_SETUP_PREALLOC : 0,
		.host_shift = HOST_SHIFT,
		.target_shift = TARGET_SHIFT,
		.channels = block->nr_channels,
	};
	uint64_t got = 0;
	void *memory;
	uint32_t i;
	int err;

	err = hugepost_object_open(&block->object, guest->device);
	if (err) {
		snprintf(guest->problem, sizeof(guest->problem), "%s: %s: %s",
			 device, strerror(-err), hugepost_open_hint(err));
		return err;
	}
	err = hugepost_object_setup(block->object, block->size, &options, &got);
	if (err == -ENOMEM)
		return guest_problem(guest, err,
				     "no memory for the block '%s': %" PRIu64 " MiB of huge pages "
				     "could be had; free memory, or use fewer channels",
				     block->name, got >> 20);
	if (err)
		return guest_problem(guest, err,
				     "cannot set up %" PRIu64 " bytes for the block '%s'",
				     block->size, block->name);
	err = hugepost_object_map(block->object, 0, 0, &memory);
	if (err)
		return guest_problem(guest, err, "cannot map the block '%s'", block->name);
	block->memory = memory;

	for (i = 0; i < block->nr_channels; i++) {
		err = hugepost_object_channel(block->object, i, &block->channels[i]);
		if (err)
			return guest_problem(guest, err,
					     "no channel %u of the block '%s'",
					     i, block->name);
	}
	return 0;
}

static uint64_t object_size(const struct stream_block *block)
{
	return (block->length + HOST_PAGE - 1) & ~(HOST_PAGE - 1);
}

static uint32_t object_channels(const struct guest *guest, const struct stream_block *block)
{
	uint64_t pages = object_size(block) >> HOST_SHIFT;

	return !guest->all_channels && pages < guest->channels ? pages : guest->channels;
}

uint64_t guest_memory(const struct guest *guest, const struct stream_block *blocks,
		      uint32_t nr)
{
	uint64_t sum = 0;
	uint32_t i;

	/* What the parser lets through cannot overflow. */
	for (i = 0; i < nr; i++)
		sum += object_size(&blocks[i]) +
		       object_channels(guest, &blocks[i]) * HOST_PAGE;
	return sum;
}

int guest_available(struct guest *guest, uint64_t *bytes)
{
	int err = memory_available(bytes);

	return err ? guest_problem(guest, err, err == -ENODATA ?
				   "no MemAvailable in /proc/meminfo" :
				   "cannot open /proc/meminfo") : 0;
}

int guest_open(struct guest *guest, const struct stream_block *blocks, uint32_t nr)
{
	struct guest_block *block;
	uint32_t i;
	int err;

	raise_file_limit();
	guest->blocks = calloc(nr, sizeof(*guest->blocks));
	if (!guest->blocks)
		return guest_problem(guest, -ENOMEM, "cannot keep %u RAM blocks", nr);
	guest->nr = nr;
	for (i = 0; i < nr; i++) {
		block = &guest->blocks[i];
		memcpy(block->name, blocks[i].name, sizeof(block->name));
		block->length = blocks[i].length;
		block->size = object_size(&blocks[i]);
		block->nr_channels = object_channels(guest, &blocks[i]);
		block->channels = calloc(block->nr_channels, sizeof(*block->channels));
		if (!block->channels)
			return guest_problem(guest, -ENOMEM, "cannot keep %u channels",
					     block->nr_channels);
		err = open_object(guest, block);
		if (err)
			return err;
	}
	return 0;
}

void guest_close(struct guest *guest)
{
	uint32_t i;

	for (i = 0; i < guest->nr; i++) {
		hugepost_object_close(guest->blocks[i].object);
		free(guest->blocks[i].channels);
	}
	free(guest->blocks);
	guest->blocks = NULL;
	guest->nr = 0;
}

struct guest_block *guest_find(struct guest *guest, const char *name)
{
	struct guest_block *found = NULL;
	uint32_t i;

	for (i = 0; i < guest->nr; i++) {
		struct guest_block *block = &guest->blocks[i];

		if (name ? !strcmp(name, block->name) :
		    !found || block->length > found->length)
			found = block;
	}
	return found;
}

/* Target pages of the block that are not present. */
static int count_missing(struct guest *guest, struct guest_block *block)
{
	uint64_t words = (block->length / TARGET_PAGE + 63) / 64, present;
	uint64_t *bits;
	int err;

	bits = calloc(words, sizeof(*bits));
	if (!bits)
		return guest_problem(guest, -ENOMEM, "cannot keep the bitmap of '%s'",
				     block->name);
	err = hugepost_object_bitmap(block->object, 0, block->length, bits, &present);
	free(bits);
	if (err)
		return guest_problem(guest, err, "cannot read the bitmap of '%s'",
				     block->name);
	block->missing = block->length / TARGET_PAGE - present;
	return 0;
}

static int count_loaded(struct guest *guest, struct guest_block *block)
{
	struct hugepost_channel_stats one, *sum = &block->sum;
	uint32_t i;
	int err;

	err = hugepost_object_stats(block->object, &block->stats);
	for (i = 0; !err && i < block->nr_channels; i++) {
		err = hugepost_channel_stats(block->channels[i], &one);
		if (err)
			break;
		sum->pages += one.pages;
		sum->zero_pages += one.zero_pages;
		sum->bytes += one.bytes;
		sum->duplicates += one.duplicates;
		sum->replaced += one.replaced;
	}
	if (err)
		return guest_problem(guest, err, "cannot read the counters of '%s'",
				     block->name);
	return count_missing(guest, block);
}

/*
 * A page of the mapping that is in use is shared by kernel and user, so the
 * proof that it is huge is the kernel's own account of this process.
 */
static int count_huge(struct guest *guest, struct guest_block *block)
{
	const uintptr_t from = (uintptr_t)block->memory, to = from + block->size;
	uintptr_t start, end;
	uint64_t kib, sum = 0;
	bool ours = false;
	char line[512];
	FILE *smaps;

	smaps = fopen("/proc/self/smaps", "re");
	if (!smaps)
		return guest_problem(guest, -errno, "cannot open /proc/self/smaps");
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &start, &end) == 2)
			ours = start >= from && end <= to;
		else if (ours && sscanf(line, "FilePmdMapped: %" SCNu64 " kB", &kib) == 1)
			sum += kib << 10;
	}
	fclose(smaps);
	block->huge = sum >> HOST_SHIFT;
	return 0;
}

static int measure_block(struct guest *guest, struct guest_block *block)
{
	struct hugepost_stats stats;
	int err;

	err = count_loaded(guest, block);
	if (err)
		return err;
	err = hugepost_object_install(block->object, block->memory, block->size,
				      NULL, NULL);
	if (err)
		return guest_problem(guest, err, "cannot install the block '%s'",
				     block->name);
	err = hugepost_object_collapse(block->object, block->memory, block->size,
				       &block->collapsed);
	if (err)
		return guest_problem(guest, err, "cannot collapse the block '%s'",
				     block->name);
	err = hugepost_object_stats(block->object, &stats);
	if (err)
		return guest_problem(guest, err, "cannot read the counters of '%s'",
				     block->name);
	block->complete = stats.out_present;
	return count_huge(guest, block);
}

int guest_measure(struct guest *guest, struct stop *stop)
{
	uint32_t i;
	int err = 0;

	for (i = 0; !err && i < guest->nr; i++) {
		err = stop_check(stop);
		if (!err)
			err = measure_block(guest, &guest->blocks[i]);
	}
	return err;
}
