// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "report.h"

/* The blocks' figures brought together; in target pages, bytes, host pages. */
struct totals {
	uint64_t pages, zero_pages, replaced, duplicates, bytes;
	uint64_t arrived, missing;
	uint64_t host_pages, present, zero, assembling, empty;
	uint64_t complete, huge, collapsed, waits, memory;
};

static struct totals add_up(const struct guest *guest)
{
	struct totals t = { 0 };
	uint32_t i;

	for (i = 0; i < guest->nr; i++) {
		const struct guest_block *block = &guest->blocks[i];

		t.pages += block->sum.pages;
		t.zero_pages += block->sum.zero_pages;
		t.replaced += block->sum.replaced;
		t.duplicates += block->sum.duplicates;
		t.bytes += block->sum.bytes;
		t.missing += block->missing;
		t.arrived += block->length / TARGET_PAGE - block->missing;
		t.host_pages += block->size >> HOST_SHIFT;
		t.present += block->stats.out_present;
		t.zero += block->stats.out_zero;
		t.assembling += block->stats.out_assembling;
		t.empty += block->stats.out_empty;
		t.waits += block->stats.out_waits;
		t.memory += block->stats.out_memory;
		t.complete += block->complete;
		t.huge += block->huge;
		t.collapsed += block->collapsed;
	}
	return t;
}

/* Bytes of the stream's pages that are not zero pages. */
static uint64_t received(const struct outcome *outcome)
{
	return (outcome->info.pages - outcome->info.zero_pages) * TARGET_PAGE;
}

static double per_byte(uint64_t copied, uint64_t got)
{
	return got ? (double)copied / got : 0;
}

static void text_stream(const struct options *options, const struct outcome *outcome)
{
	const struct stream_info *info = &outcome->info;
	size_t i;

	printf("stream      %" PRIu64 " bytes, machine %s, %u RAM blocks of %" PRIu64 " bytes\n",
	       info->bytes, info->machine[0] ? info->machine : "not told",
	       info->nr_blocks, info->ram_bytes);
	printf("            %" PRIu64 " pages, %" PRIu64 " of them zero; RAM ends at byte "
	       "%" PRIu64 "\n",
	       info->pages, info->zero_pages, info->ram_end);
	printf("            %" PRIu64 " other sections (%" PRIu64 " bytes) passed over\n",
	       info->skipped_sections, info->skipped_bytes);
	if (info->unparsed_bytes)
		printf("            %" PRIu64 " bytes %s not looked at\n", info->unparsed_bytes,
		       info->footers ? "behind the stream's end" :
		       "behind RAM's end, where the stream has no footers,");
	if (info->ignore_shared)
		printf("            made with x-ignore-shared: shared blocks' pages are left "
		       "out\n");
	if (!options->check)
		return;
	for (i = 0; i < info->nr_blocks; i++)
		printf("block       %-32s %14" PRIu64 " bytes, pages of %" PRIu64 "\n",
		       outcome->blocks[i].name, outcome->blocks[i].length,
		       outcome->blocks[i].page_size);
	for (i = 0; i < outcome->nr_sections; i++)
		printf("section     %-32s %14" PRIu64 " bytes at byte %" PRIu64 ", instance %u\n",
		       outcome->sections[i].name, outcome->sections[i].bytes,
		       outcome->sections[i].offset, outcome->sections[i].instance);
}

static void text_load(const struct options *options, const struct outcome *outcome)
{
	struct totals t = add_up(&outcome->guest);
	uint64_t got = received(outcome);
	const struct armed_result *armed = &outcome->armed;

	printf("filled      %" PRIu64 " pages, %" PRIu64 " times replaced by a later copy, %" PRIu64
	       " duplicates skipped, %" PRIu64 " pages never sent\n",
	       t.arrived, t.replaced, t.duplicates, t.missing);
	printf("            over %u channel%s in %.3f s%s\n", options->channels,
	       options->channels == 1 ? "" : "s", outcome->load_s,
	       !options->armed ? "" : options->shuffle ? ", armed, shuffled" : ", armed");
	printf("copied      %" PRIu64 " bytes for %" PRIu64 " received in pages not zero: %.3f "
	       "per byte\n",
	       t.bytes, got, per_byte(t.bytes, got));
	printf("host pages  %" PRIu64 ": %" PRIu64 " present, %" PRIu64 " zero, %" PRIu64
	       " assembling, %" PRIu64 " empty\n",
	       t.host_pages, t.present, t.zero, t.assembling, t.empty);
	printf("            %" PRIu64 " of %" PRIu64 " complete ones in memory are mapped huge, "
	       "%" PRIu64
	       " after taking a page table away\n", t.huge, t.complete, t.collapsed);
	if (!options->armed)
		return;
	printf("stalls      %" PRIu64 " in %" PRIu64 " touches by %u readers, %" PRIu64 " events "
	       "answered\n",
	       armed->stalls, armed->touches, options->readers, armed->events);
	if (armed->stalls)
		printf("            median %.1f, p99 %.1f, max %.1f microseconds\n",
		       armed->median_us, armed->p99_us, armed->max_us);
}

static void text_compare(const struct compare_result *c)
{
	printf("compare     %s: %" PRIu64 " bytes of '%s' compared, %" PRIu64 " left out on "
	       "request\n",
	       c->equal ? "equal" : "DIFFERS", c->compared, c->block, c->skipped);
	if (c->differing)
		printf("            %" PRIu64 " target pages differ, the first byte at "
		       "0x%" PRIx64 "\n",
		       c->differing, c->first);
	if (c->dump_bytes != c->block_bytes)
		printf("            the dump has %" PRIu64 " bytes, the block %" PRIu64 "\n",
		       c->dump_bytes, c->block_bytes);
}

int report_text(const struct options *options, const struct outcome *outcome)
{
	text_stream(options, outcome);
	if (outcome->measured)
		text_load(options, outcome);
	if (outcome->compared)
		text_compare(&outcome->compare);
	return fflush(stdout) || ferror(stdout) ? -EIO : 0;
}

static void put(struct json_object *to, const char *name, uint64_t value)
{
	json_object_object_add(to, name, json_object_new_uint64(value));
}

static void put_string(struct json_object *to, const char *name, const char *value)
{
	json_object_object_add(to, name, json_object_new_string(value));
}

static void put_bool(struct json_object *to, const char *name, bool value)
{
	json_object_object_add(to, name, json_object_new_boolean(value));
}

static void put_double(struct json_object *to, const char *name, double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.4f", value);
	json_object_object_add(to, name, json_object_new_double_s(value, text));
}

static struct json_object *put_object(struct json_object *to, const char *name)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(to, name, object);
	return object;
}

static void json_blocks(struct json_object *to, const struct outcome *outcome)
{
	struct json_object *list = json_object_new_array(), *one;
	uint32_t i;

	json_object_object_add(to, "blocks", list);
	for (i = 0; outcome->blocks && i < outcome->info.nr_blocks; i++) {
		one = json_object_new_object();
		put_string(one, "name", outcome->blocks[i].name);
		put(one, "bytes", outcome->blocks[i].length);
		put(one, "source_page_bytes", outcome->blocks[i].page_size);
		if (outcome->measured) {
			const struct guest_block *block = &outcome->guest.blocks[i];

			put(one, "pages", block->sum.pages);
			put(one, "zero_pages", block->sum.zero_pages);
			put(one, "never_sent", block->missing);
			put(one, "host_pages", block->size >> HOST_SHIFT);
			put(one, "complete", block->complete);
			put(one, "huge", block->huge);
		}
		json_object_array_add(list, one);
	}
}

static void json_stream(struct json_object *to, const struct options *options,
			const struct outcome *outcome)
{
	const struct stream_info *info = &outcome->info;
	struct json_object *stream = put_object(to, "stream"), *list, *one;
	size_t i;

	put_string(stream, "machine", info->machine);
	put(stream, "bytes", info->bytes);
	put(stream, "ram_bytes", info->ram_bytes);
	put(stream, "ram_end", info->ram_end);
	put_bool(stream, "ram_complete", info->ram_complete);
	put(stream, "pages", info->pages);
	put(stream, "zero_pages", info->zero_pages);
	put(stream, "ram_sections", info->ram_sections);
	put(stream, "skipped_sections", info->skipped_sections);
	put(stream, "skipped_bytes", info->skipped_bytes);
	put(stream, "unparsed_bytes", info->unparsed_bytes);
	put_bool(stream, "ignore_shared", info->ignore_shared);
	put_bool(stream, "postcopy_advised", info->postcopy_advised);
	json_blocks(stream, outcome);
	if (!options->check)
		return;
	list = json_object_new_array();
	json_object_object_add(stream, "sections", list);
	for (i = 0; i < outcome->nr_sections; i++) {
		one = json_object_new_object();
		put_string(one, "name", outcome->sections[i].name);
		put(one, "instance", outcome->sections[i].instance);
		put(one, "bytes", outcome->sections[i].bytes);
		put(one, "offset", outcome->sections[i].offset);
		json_object_array_add(list, one);
	}
}

static void json_load(struct json_object *to, const struct options *options,
		      const struct outcome *outcome)
{
	struct totals t = add_up(&outcome->guest);
	uint64_t got = received(outcome);
	struct json_object *part;

	part = put_object(to, "load");
	put(part, "channels", options->channels);
	put_bool(part, "armed", options->armed);
	put_bool(part, "shuffled", options->shuffle);
	put_double(part, "seconds", outcome->load_s);
	put(part, "pages", t.pages);
	put(part, "zero_pages", t.zero_pages);
	put(part, "replaced", t.replaced);
	put(part, "duplicates", t.duplicates);
	put(part, "present", t.arrived);
	put(part, "never_sent", t.missing);
	put(part, "bytes_copied", t.bytes);
	put(part, "bytes_received", got);
	put_double(part, "copied_per_byte", per_byte(t.bytes, got));

	part = put_object(to, "host_pages");
	put(part, "total", t.host_pages);
	put(part, "present", t.present);
	put(part, "zero", t.zero);
	put(part, "assembling", t.assembling);
	put(part, "empty", t.empty);
	put(part, "complete", t.complete);
	put(part, "huge", t.huge);
	put(part, "collapsed", t.collapsed);
	put(part, "memory_bytes", t.memory);
	if (!options->armed)
		return;

	part = put_object(to, "stalls");
	put(part, "readers", options->readers);
	put(part, "touches", outcome->armed.touches);
	put(part, "count", outcome->armed.stalls);
	put(part, "module_waits", t.waits);
	put(part, "events", outcome->armed.events);
	put(part, "events_not_in_stream", outcome->armed.strangers);
	put_double(part, "median_us", outcome->armed.median_us);
	put_double(part, "p99_us", outcome->armed.p99_us);
	put_double(part, "max_us", outcome->armed.max_us);
}

static void json_compare(struct json_object *to, const struct compare_result *c)
{
	struct json_object *part = put_object(to, "compare");

	put_bool(part, "equal", c->equal);
	put_string(part, "block", c->block);
	put(part, "block_bytes", c->block_bytes);
	put(part, "dump_bytes", c->dump_bytes);
	put(part, "compared_bytes", c->compared);
	put(part, "skipped_bytes", c->skipped);
	put(part, "differing_pages", c->differing);
	if (c->differing)
		put(part, "first_difference", c->first);
}

int report_json(const struct options *options, const struct outcome *outcome)
{
	struct json_object *all = json_object_new_object(), *part;

	put(all, "exit_code", outcome->code);
	if (outcome->error.text[0] || outcome->problem[0]) {
		part = put_object(all, "error");
		put_string(part, "text", outcome->problem[0] ? outcome->problem :
			   outcome->error.text);
		if (!outcome->problem[0])
			put(part, "offset", outcome->error.offset);
	}
	json_stream(all, options, outcome);
	if (outcome->measured)
		json_load(all, options, outcome);
	if (outcome->compared)
		json_compare(all, &outcome->compare);
	puts(json_object_to_json_string_ext(all, JSON_C_TO_STRING_PRETTY |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(all);
	return fflush(stdout) || ferror(stdout) ? -EIO : 0;
}
