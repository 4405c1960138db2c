// SPDX-License-Identifier: GPL-2.0-only
#include "fields.h"

#define FIELD(_kind, _attr, _struct, _member, _name) \
	{ .name = _name, .attr = _attr, .offset = offsetof(struct _struct, _member), .kind = _kind }
#define REQUEST(_attr, _name) \
	{ .name = _name, .attr = _attr, .kind = FIELD_REQUEST }
#define FIELDS(_list) { .list = _list, .nr = sizeof(_list) / sizeof((_list)[0]) }

#define MODULE(_kind, _attr, _member, _name) \
	FIELD(FIELD_##_kind, HUGEPOST_A_MODULE_##_attr, hp_module, _member, _name)

static const struct field module_list[] = {
	REQUEST(HUGEPOST_A_MODULE_DEVICE_FD, "device-fd"),
	MODULE(STRING, VERSION, version, "version"),
	MODULE(U32, API_VERSION, api_version, "api-version"),
	MODULE(U32, GENERATION, generation, "generation"),
	MODULE(U32, OBJECTS, objects, "objects"),
	MODULE(U64, MEMORY, memory, "memory"),
	MODULE(U64, STAGING, staging, "staging"),
	MODULE(OPTIONAL, LIMIT, limit, "limit"),
	MODULE(U64, RESERVE, reserve, "reserve"),
	MODULE(U64, RESERVE_READY, reserve_ready, "reserve-ready"),
	MODULE(BOOL, RESERVE_FILLING, reserve_filling, "reserve-filling"),
	MODULE(U32, PROGRESS_STEP, progress_step, "progress-step"),
};

#define OBJECT(_kind, _attr, _member, _name) \
	FIELD(FIELD_##_kind, HUGEPOST_A_OBJECT_##_attr, hp_object, _member, _name)

static const struct field object_list[] = {
	REQUEST(HUGEPOST_A_OBJECT_DEVICE_FD, "device-fd"),
	OBJECT(U64, ID, id, "id"),
	OBJECT(U32, PID, pid, "pid"),
	OBJECT(STRING, COMMAND, command, "command"),
	OBJECT(STRING, CGROUP, cgroup, "cgroup"),
	OBJECT(U64, TIME, time, "time"),
	OBJECT(U64, CREATED, created, "created"),
	OBJECT(MODE, MODE, mode, "mode"),
	OBJECT(U64, MODE_SINCE, mode_since, "mode-since"),
	OBJECT(U64, LENGTH, length, "length"),
	OBJECT(U32, HOST_PAGE, host_page, "host-page"),
	OBJECT(U32, TARGET_PAGE, target_page, "target-page"),
	OBJECT(U32, CHANNELS, channels, "channels"),
	OBJECT(U64, EMPTY, empty, "empty"),
	OBJECT(U64, ASSEMBLING, assembling, "assembling"),
	OBJECT(U64, PRESENT, present, "present"),
	OBJECT(U64, ZERO, zero, "zero"),
	OBJECT(U64, FILLED, filled, "filled"),
	OBJECT(U64, MEMORY, memory, "memory"),
	OBJECT(U64, STAGING, staging, "staging"),
	OBJECT(U64, METADATA, metadata, "metadata"),
	OBJECT(U64, FAULTS, faults, "faults"),
	OBJECT(U64, WAITS, waits, "waits"),
	OBJECT(U64, EVENTS, events, "events"),
	OBJECT(U64, ZERO_FILLS, zero_fills, "zero-fills"),
	OBJECT(U64, INSTALLS_HUGE, installs_huge, "installs-huge"),
	OBJECT(U64, INSTALLS_SINGLE, installs_single, "installs-single"),
	OBJECT(U64, DISCARDED, discarded, "discarded"),
	OBJECT(U64, POISONED, poisoned, "poisoned"),
	OBJECT(U64, TRIMMED, trimmed, "trimmed"),
};

#define CHANNEL(_kind, _attr, _member, _name) \
	FIELD(FIELD_##_kind, HUGEPOST_A_CHANNEL_##_attr, hp_channel, _member, _name)

static const struct field channel_list[] = {
	REQUEST(HUGEPOST_A_CHANNEL_DEVICE_FD, "device-fd"),
	CHANNEL(U64, OBJECT, object, "object"),
	CHANNEL(U32, INDEX, index, "index"),
	CHANNEL(U64, TIME, time, "time"),
	CHANNEL(BOOL, BUSY, busy, "busy"),
	CHANNEL(OPTIONAL, HOST_PAGE, host_page, "host-page"),
	CHANNEL(U32, HOST_PAGE_FILLED, host_page_filled, "host-page-filled"),
	CHANNEL(BOOL, ALL_ZERO, all_zero, "all-zero"),
	CHANNEL(U64, PAGES, pages, "pages"),
	CHANNEL(U64, ZERO_PAGES, zero_pages, "zero-pages"),
	CHANNEL(U64, BYTES, bytes, "bytes"),
	CHANNEL(U64, DUPLICATES, duplicates, "duplicates"),
	CHANNEL(U64, REPLACED, replaced, "replaced"),
	CHANNEL(U64, RESETS, resets, "resets"),
};

#define MAP(_kind, _attr, _member, _name) \
	FIELD(FIELD_##_kind, HUGEPOST_A_MAP_##_attr, hp_map, _member, _name)

/*
 * The arrays are no fields: their size is the attribute's. Nor is the first cell: it
 * is of a reply, not of a map that was put together.
 */
static const struct field map_list[] = {
	REQUEST(HUGEPOST_A_MAP_DEVICE_FD, "device-fd"),
	REQUEST(HUGEPOST_A_MAP_CELLS, "cells"),
	REQUEST(HUGEPOST_A_MAP_FIRST_CELL, "first-cell"),
	MAP(U64, OBJECT, object, "object"),
	MAP(U64, HOST_PAGES, host_pages, "host-pages"),
	MAP(U64, HOST_PAGES_PER_CELL, host_pages_per_cell, "host-pages-per-cell"),
};

#define TRIM(_kind, _attr, _member, _name) \
	FIELD(FIELD_##_kind, HUGEPOST_A_TRIM_##_attr, hp_trim, _member, _name)

static const struct field trim_list[] = {
	REQUEST(HUGEPOST_A_TRIM_FIRST_HOST_PAGE, "first-host-page"),
	TRIM(U64, OBJECT, object, "object"),
	TRIM(OPTIONAL, NEXT_HOST_PAGE, next, "next-host-page"),
	TRIM(U64, TRIMMED, trimmed, "trimmed"),
};

#define EVENT(_kind, _attr, _member, _name) \
	FIELD(FIELD_##_kind, HUGEPOST_A_EVENT_##_attr, hp_event, _member, _name)

static const struct field event_list[] = {
	EVENT(EVENT, KIND, kind, "event"),
	EVENT(U64, OBJECT, object, "object"),
	EVENT(U64, TIME, time, "time"),
	EVENT(U32, GENERATION, generation, "generation"),
	EVENT(U64, HOST_PAGES, host_pages, "host-pages"),
	EVENT(U64, COMPLETE, complete, "complete"),
};

const struct fields module_fields = FIELDS(module_list);
const struct fields object_fields = FIELDS(object_list);
const struct fields channel_fields = FIELDS(channel_list);
const struct fields map_fields = FIELDS(map_list);
const struct fields trim_fields = FIELDS(trim_list);
const struct fields event_fields = FIELDS(event_list);

const struct fields *fields_of(uint8_t cmd)
{
	switch (cmd) {
	case HUGEPOST_NL_CMD_OBJECT_GET:
		return &object_fields;
	case HUGEPOST_NL_CMD_CHANNEL_GET:
		return &channel_fields;
	case HUGEPOST_NL_CMD_MAP_GET:
		return &map_fields;
	case HUGEPOST_NL_CMD_OBJECT_TRIM:
		return &trim_fields;
	case HUGEPOST_NL_CMD_EVENT:
		return &event_fields;
	default:
		return &module_fields;
	}
}

const char *fields_name(const struct fields *fields, unsigned int attr)
{
	size_t i;

	for (i = 0; i < fields->nr; i++)
		if (fields->list[i].attr == attr)
			return fields->list[i].name;
	return NULL;
}
