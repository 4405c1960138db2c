/* SPDX-License-Identifier: GPL-2.0-only */
/* What the module tells, as plain structures; see uapi/hugepost.yaml. */
#ifndef CTL_MODEL_H
#define CTL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/hugepost.h>
#include <linux/hugepost_netlink.h>

#define NO_LIMIT	UINT64_MAX

struct hp_module {
	char *version;
	uint32_t api_version, generation, objects;
	uint64_t memory, staging, limit, reserve, reserve_ready;
	uint8_t reserve_filling;
	uint32_t progress_step;
};

struct hp_object {
	uint64_t id;
	uint32_t pid;
	char *command, *cgroup;		/* NULL if not told */
	uint64_t time, created, mode_since;
	uint32_t mode, host_page, target_page, channels;
	uint64_t length, empty, assembling, present, zero, filled;
	uint64_t memory, staging, metadata;
	uint64_t faults, waits, events, zero_fills;
	uint64_t installs_huge, installs_single, discarded, poisoned, trimmed;
};

struct hp_channel {
	uint64_t object, time, host_page;	/* HUGEPOST_NO_PAGE: none */
	uint32_t index, host_page_filled;
	uint8_t busy, all_zero;
	uint64_t pages, zero_pages, bytes, duplicates, replaced, resets;
};

/* Cells from @first_cell on. Each array has @cells elements. */
struct hp_map {
	uint64_t object, host_pages, host_pages_per_cell;
	uint32_t first_cell, cells;
	uint32_t *assembling, *present, *zero;
};

/* What a request to trim did; @next: UINT64_MAX at the object's end. */
struct hp_trim {
	uint64_t object, next, trimmed;
};

struct hp_event {
	uint32_t kind, generation;
	uint64_t object, time, host_pages, complete;
};

struct hp_objects {
	struct hp_object *list;
	size_t nr;
	bool torn;	/* objects came or went while they were read */
};

struct hp_channels {
	struct hp_channel *list;
	size_t nr;
};

static inline uint64_t object_complete(const struct hp_object *object)
{
	return object->present + object->zero;
}

static inline uint64_t object_host_pages(const struct hp_object *object)
{
	return object_complete(object) + object->empty + object->assembling;
}

/* The member of @objects with this number, or NULL. */
static inline struct hp_object *objects_find(const struct hp_objects *objects, uint64_t id)
{
	size_t i;

	for (i = 0; i < objects->nr; i++)
		if (objects->list[i].id == id)
			return &objects->list[i];
	return NULL;
}

#endif /* CTL_MODEL_H */
