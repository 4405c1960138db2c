// SPDX-License-Identifier: GPL-2.0-only
/*
 * Module, objects and channels for a monitoring system. A family is named once and
 * followed by its samples. Names of processes and cgroups are labels of one family, to
 * be joined with others by "object": any other has labels of a few values.
 *
 * OpenMetrics names a family without the ends of its samples' names (_total, _info),
 * and has types for what is a gauge of 1 or 0 in the older format.
 */
#include <inttypes.h>

#include "format.h"
#include "metrics.h"

enum type { GAUGE, COUNTER, INFO, STATES };

/* A family of which each object or channel has one sample. */
struct metric {
	const char *name;	/* without hugepost_..._, and _total of a counter */
	const char *unit;	/* "" without one; the name ends with it */
	const char *help;
	enum type type;
	size_t offset;		/* of a uint64_t */
};

#define OBJECT(_type, _name, _unit, _member, _help) \
	{ .name = _name, .unit = _unit, .help = _help, .type = _type, \
	  .offset = offsetof(struct hp_object, _member) }

static const struct metric object_metrics[] = {
	OBJECT(GAUGE, "size_bytes", "bytes", length, "Size of the guest's memory"),
	OBJECT(GAUGE, "memory_bytes", "bytes", memory, "Memory held, staging pages included"),
	OBJECT(GAUGE, "staging_bytes", "bytes", staging, "Memory that channels set aside"),
	OBJECT(GAUGE, "metadata_bytes", "bytes", metadata, "Memory of the module's own state"),
	OBJECT(GAUGE, "poisoned_pages", "pages", poisoned,
	       "Target pages lost to memory errors"),
	OBJECT(COUNTER, "filled_pages", "pages", filled, "Target pages filled by channels"),
	OBJECT(COUNTER, "discarded_pages", "pages", discarded, "Target pages discarded"),
	OBJECT(COUNTER, "zero_filled_pages", "pages", zero_fills,
	       "Missing pages that a touch filled with zeros"),
	OBJECT(COUNTER, "trimmed_host_pages", "pages", trimmed,
	       "Host pages given back that held nothing but zeros"),
	OBJECT(COUNTER, "faults", "", faults, "Touches that reached the module"),
	OBJECT(COUNTER, "waits", "", waits, "Touches that waited for a page"),
	OBJECT(COUNTER, "events", "", events, "Missing pages that a handler was told of"),
};

#define CHANNEL(_name, _unit, _member, _help) \
	{ .name = _name, .unit = _unit, .help = _help, .type = COUNTER, \
	  .offset = offsetof(struct hp_channel, _member) }

static const struct metric channel_metrics[] = {
	CHANNEL("filled_pages", "pages", pages, "Target pages filled"),
	CHANNEL("zero_pages", "pages", zero_pages, "Of these, pages of zeros"),
	CHANNEL("filled_bytes", "bytes", bytes, "Bytes copied"),
	CHANNEL("duplicate_pages", "pages", duplicates, "Pages that were there already"),
	CHANNEL("replaced_pages", "pages", replaced, "Pages that were filled once more"),
	CHANNEL("resets", "", resets, "Resets of the channel"),
};

#define NR(list) (sizeof(list) / sizeof((list)[0]))

/* Where it goes, and how. */
struct out {
	FILE *to;
	bool open;		/* OpenMetrics */
};

static void family(const struct out *out, const char *name, enum type type, const char *unit,
		   const char *help)
{
	static const struct {
		const char *open, *plain, *end;
	} types[] = {
		[GAUGE] = { "gauge", "gauge", "" },
		[COUNTER] = { "counter", "counter", "_total" },
		[INFO] = { "info", "gauge", "_info" },
		[STATES] = { "stateset", "gauge", "" },
	};
	const char *end = out->open ? "" : types[type].end;

	fprintf(out->to, "# TYPE hugepost_%s%s %s\n", name, end,
		out->open ? types[type].open : types[type].plain);
	if (*unit && out->open)
		fprintf(out->to, "# UNIT hugepost_%s %s\n", name, unit);
	fprintf(out->to, "# HELP hugepost_%s%s %s.\n", name, end, help);
}

static void label(const struct out *out, const char *name, const char *value)
{
	fprintf(out->to, ",%s=\"", name);
	for (; *value; value++) {
		if (*value == '\n') {
			fputs("\\n", out->to);
			continue;
		}
		if (*value == '\\' || *value == '"')
			fputc('\\', out->to);
		fputc(*value, out->to);
	}
	fputc('"', out->to);
}

static void module_gauge(const struct out *out, const char *name, const char *unit,
			 const char *help, uint64_t value)
{
	family(out, name, GAUGE, unit, help);
	fprintf(out->to, "hugepost_%s %" PRIu64 "\n", name, value);
}

static void print_module(const struct out *out, const struct hp_module *module)
{
	family(out, "module", INFO, "", "The loaded module");
	fprintf(out->to, "hugepost_module_info{api_version=\"%" PRIu32 "\"", module->api_version);
	label(out, "version", module->version ? module->version : "");
	fputs("} 1\n", out->to);
	module_gauge(out, "objects", "", "Memory objects that are open", module->objects);
	module_gauge(out, "memory_bytes", "bytes", "Memory that objects and reserve hold",
		     module->memory);
	module_gauge(out, "staging_bytes", "bytes", "Of it, memory that channels set aside",
		     module->staging);
	if (module->limit != NO_LIMIT)
		module_gauge(out, "limit_bytes", "bytes", "Memory that may be held",
			     module->limit);
	module_gauge(out, "reserve_bytes", "bytes", "Memory to be kept ready", module->reserve);
	module_gauge(out, "reserve_ready_bytes", "bytes", "Memory that is ready",
		     module->reserve_ready);
}

static void print_owners(const struct out *out, const struct hp_objects *objects)
{
	size_t i;

	family(out, "object", INFO, "", "Whose object it is");
	for (i = 0; i < objects->nr; i++) {
		const struct hp_object *o = &objects->list[i];

		fprintf(out->to, "hugepost_object_info{object=\"%" PRIu64 "\",pid=\"%" PRIu32 "\"",
			o->id, o->pid);
		label(out, "command", o->command ? o->command : "");
		label(out, "cgroup", o->cgroup ? o->cgroup : "");
		fputs("} 1\n", out->to);
	}
}

static void print_modes(const struct out *out, const struct hp_objects *objects)
{
	static const uint32_t modes[] = {
		HUGEPOST_MODE_UNARMED, HUGEPOST_MODE_ARMED, HUGEPOST_MODE_LOST
	};
	size_t i, mode;

	family(out, "object_mode", STATES, "", "Who answers touches of missing pages");
	for (i = 0; i < objects->nr; i++)
		for (mode = 0; mode < NR(modes); mode++)
			fprintf(out->to, "hugepost_object_mode{object=\"%" PRIu64
				"\",%smode=\"%s\"} %d\n", objects->list[i].id,
				out->open ? "hugepost_object_" : "", mode_name(modes[mode]),
				objects->list[i].mode == modes[mode]);
}

static void print_ages(const struct out *out, const struct hp_objects *objects)
{
	size_t i;

	family(out, "object_age_seconds", GAUGE, "seconds", "Since the object was opened");
	for (i = 0; i < objects->nr; i++)
		fprintf(out->to, "hugepost_object_age_seconds{object=\"%" PRIu64 "\"} %.3f\n",
			objects->list[i].id,
			(double)(objects->list[i].time - objects->list[i].created) / 1e9);
}

/* A sample for each of a few values of a label. */
static void part(const struct out *out, const char *name, uint64_t id, const char *key,
		 const char *value, uint64_t number)
{
	fprintf(out->to, "hugepost_%s{object=\"%" PRIu64 "\",%s=\"%s\"} %" PRIu64 "\n", name,
		id, key, value, number);
}

static void print_parts(const struct out *out, const struct hp_objects *objects)
{
	const struct hp_object *o, *end = objects->list + objects->nr;

	family(out, "object_host_pages", GAUGE, "pages", "Host pages in each state");
	for (o = objects->list; o != end; o++) {
		part(out, "object_host_pages", o->id, "state", "empty", o->empty);
		part(out, "object_host_pages", o->id, "state", "assembling", o->assembling);
		part(out, "object_host_pages", o->id, "state", "present", o->present);
		part(out, "object_host_pages", o->id, "state", "zero", o->zero);
	}
	family(out, "object_installs", COUNTER, "", "Entries made in page tables");
	for (o = objects->list; o != end; o++) {
		part(out, "object_installs_total", o->id, "size", "huge", o->installs_huge);
		part(out, "object_installs_total", o->id, "size", "single", o->installs_single);
	}
}

static uint64_t value_of(const struct metric *metric, const void *structure)
{
	return *(const uint64_t *)((const char *)structure + metric->offset);
}

static void print_objects(const struct out *out, const struct hp_objects *objects)
{
	const struct metric *m;
	char name[64];
	size_t i;

	for (m = object_metrics; m < object_metrics + NR(object_metrics); m++) {
		snprintf(name, sizeof(name), "object_%s", m->name);
		family(out, name, m->type, m->unit, m->help);
		for (i = 0; i < objects->nr; i++)
			fprintf(out->to, "hugepost_%s%s{object=\"%" PRIu64 "\"} %" PRIu64 "\n",
				name, m->type == COUNTER ? "_total" : "", objects->list[i].id,
				value_of(m, &objects->list[i]));
	}
}

static void print_channels(const struct out *out, const struct hp_objects *objects,
			   const struct hp_channels *channels)
{
	const struct metric *m;
	char name[64];
	size_t i, j;

	for (m = channel_metrics; m < channel_metrics + NR(channel_metrics); m++) {
		snprintf(name, sizeof(name), "channel_%s", m->name);
		family(out, name, COUNTER, m->unit, m->help);
		for (i = 0; i < objects->nr; i++)
			for (j = 0; j < channels[i].nr; j++)
				fprintf(out->to, "hugepost_%s_total{object=\"%" PRIu64 "\",channel=\"%"
					PRIu32 "\"} %" PRIu64 "\n", name, objects->list[i].id,
					channels[i].list[j].index,
					value_of(m, &channels[i].list[j]));
	}
}

void metrics_print(FILE *to, enum metrics_format format, const struct hp_module *module,
		   const struct hp_objects *objects, const struct hp_channels *channels)
{
	const struct out out = { .to = to, .open = format == METRICS_OPEN };

	print_module(&out, module);
	print_owners(&out, objects);
	print_modes(&out, objects);
	print_ages(&out, objects);
	print_objects(&out, objects);
	print_parts(&out, objects);
	print_channels(&out, objects, channels);
	if (out.open)
		fputs("# EOF\n", to);
}
