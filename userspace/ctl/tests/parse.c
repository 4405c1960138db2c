// SPDX-License-Identifier: GPL-2.0-only
/* Messages of the family, as this and other versions of the module make them. */
#include <errno.h>
#include <string.h>

#include <netlink/genl/genl.h>

#include "json.h"
#include "parse.h"
#include "tap.h"

#define UNKNOWN_ATTR	60

static struct nl_msg *message(uint8_t cmd)
{
	struct nl_msg *msg = nlmsg_alloc();

	tap_need(msg && genlmsg_put(msg, 1, 1, 30, 0, 0, cmd, HUGEPOST_FAMILY_VERSION), "libnl");
	return msg;
}

/* Compares the structure in JSON, and lets go of it. */
static void is(const char *what, const struct fields *fields, void *structure,
	       const char *expected)
{
	struct json_object *object = json_of(fields, structure);
	const char *text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
							  JSON_C_TO_STRING_NOSLASHESCAPE);
	bool same = !strcmp(text, expected);

	tap_ok(same, "%s", what);
	if (!same)
		printf("# got      %s\n# expected %s\n", text, expected);
	json_object_put(object);
	parse_free(fields, structure);
}

static void objects(void)
{
	static const char rest[] =
		"\"time\":0,\"created\":0,\"mode\":\"armed\",\"mode_since\":0,"
		"\"length\":18446744073709551615,\"host_page\":2097152,\"target_page\":0,"
		"\"channels\":0,\"empty\":0,\"assembling\":0,\"present\":0,\"zero\":0,"
		"\"filled\":0,\"memory\":0,\"staging\":0,\"metadata\":0,\"faults\":0,\"waits\":0,"
		"\"events\":0,\"zero_fills\":0,\"installs_huge\":0,\"installs_single\":0,"
		"\"discarded\":0,\"poisoned\":0,\"trimmed\":0}";
	struct nl_msg *msg = message(HUGEPOST_NL_CMD_OBJECT_GET);
	struct hp_object object;
	char expected[1024];

	nla_put_u64(msg, HUGEPOST_A_OBJECT_ID, 7);
	nla_put_u32(msg, HUGEPOST_A_OBJECT_PID, 42);
	nla_put_string(msg, HUGEPOST_A_OBJECT_COMMAND, "a\033[2J\"\xff\n");
	nla_put_u32(msg, HUGEPOST_A_OBJECT_MODE, HUGEPOST_MODE_ARMED);
	nla_put_u64(msg, HUGEPOST_A_OBJECT_LENGTH, UINT64_MAX);
	nla_put_u64(msg, HUGEPOST_A_OBJECT_HOST_PAGE, 2 << 20);
	nla_put_u64(msg, UNKNOWN_ATTR, 1);
	tap_ok(!parse_message(nlmsg_hdr(msg), &object_fields, &object),
	       "an object with an attribute that is not known, others missing, one wider");
	snprintf(expected, sizeof(expected),
		 "{\"id\":7,\"pid\":42,\"command\":\"a?[2J\\\"??\",\"cgroup\":null,%s", rest);
	is("what cannot be printed of a name is not", &object_fields, &object, expected);
	nlmsg_free(msg);
}

static void modules(void)
{
	struct nl_msg *msg = message(HUGEPOST_NL_CMD_MODULE_GET);
	struct hp_module module;

	nla_put_string(msg, HUGEPOST_A_MODULE_VERSION, "0.1.0");
	nla_put_u64(msg, HUGEPOST_A_MODULE_LIMIT, NO_LIMIT);
	tap_ok(!parse_message(nlmsg_hdr(msg), &module_fields, &module), "a module");
	is("no limit is null", &module_fields, &module,
	   "{\"version\":\"0.1.0\",\"api_version\":0,\"generation\":0,\"objects\":0,\"memory\":0,"
	   "\"staging\":0,\"limit\":null,\"reserve\":0,\"reserve_ready\":0,\"reserve_filling\":false,\"progress_step\":0}");
	nlmsg_free(msg);
}

static void channels(void)
{
	struct nl_msg *msg = message(HUGEPOST_NL_CMD_CHANNEL_GET);
	struct hp_channel channel;

	nla_put_u32(msg, HUGEPOST_A_CHANNEL_INDEX, 3);
	nla_put_u8(msg, HUGEPOST_A_CHANNEL_BUSY, 1);
	tap_ok(!parse_message(nlmsg_hdr(msg), &channel_fields, &channel), "a channel");
	is("no host page is null", &channel_fields, &channel,
	   "{\"object\":0,\"index\":3,\"time\":0,\"busy\":true,\"host_page\":null,"
	   "\"host_page_filled\":0,\"all_zero\":false,\"pages\":0,\"zero_pages\":0,\"bytes\":0,"
	   "\"duplicates\":0,\"replaced\":0,\"resets\":0}");
	nlmsg_free(msg);
}

static void events(void)
{
	struct nl_msg *msg = message(HUGEPOST_NL_CMD_EVENT);
	struct hp_event event;

	nla_put_u32(msg, HUGEPOST_A_EVENT_KIND, HUGEPOST_EVENT_KIND_FIRST_FILL);
	nla_put_u64(msg, HUGEPOST_A_EVENT_OBJECT, 5);
	nla_put_u64(msg, HUGEPOST_A_EVENT_HOST_PAGES, 8);
	tap_ok(!parse_message(nlmsg_hdr(msg), &event_fields, &event), "an event");
	is("its JSON", &event_fields, &event,
	   "{\"event\":\"first-fill\",\"object\":5,\"time\":0,\"generation\":0,\"host_pages\":8,"
	   "\"complete\":0}");
	nlmsg_free(msg);
}

static void maps(void)
{
	const uint32_t cells[] = { 1, 2, 3 };
	struct nl_msg *msg = message(HUGEPOST_NL_CMD_MAP_GET);
	struct hp_map map;

	tap_ok(!parse_map(nlmsg_hdr(msg), &map) && !map.cells, "a map of nothing");
	nla_put_u64(msg, HUGEPOST_A_MAP_HOST_PAGES, 12);
	nla_put_u64(msg, HUGEPOST_A_MAP_HOST_PAGES_PER_CELL, 4);
	nla_put(msg, HUGEPOST_A_MAP_ASSEMBLING, sizeof(cells), cells);
	nla_put(msg, HUGEPOST_A_MAP_PRESENT, sizeof(cells), cells);
	tap_ok(parse_map(nlmsg_hdr(msg), &map) == -EPROTO, "a map without zero pages is bad");
	nla_put(msg, HUGEPOST_A_MAP_ZERO, sizeof(cells) - 4, cells);
	tap_ok(parse_map(nlmsg_hdr(msg), &map) == -EPROTO, "as is one of different lengths");
	nla_put(msg, HUGEPOST_A_MAP_ZERO, sizeof(cells), cells);
	tap_ok(!parse_map(nlmsg_hdr(msg), &map) && map.cells == 3 && map.assembling[2] == 3 &&
	       map.present[0] == 1 && map.zero[1] == 2, "a map of three cells");
	free(map.assembling);
	nlmsg_free(msg);
}

/* A reply of two cells with these numbers, of @host_pages in cells of 4. */
static struct hp_map part_of_map(uint64_t host_pages, uint32_t first, uint32_t number)
{
	const uint32_t cells[] = { number, number + 1 };
	struct nl_msg *msg = message(HUGEPOST_NL_CMD_MAP_GET);
	struct hp_map part;

	nla_put_u64(msg, HUGEPOST_A_MAP_HOST_PAGES, host_pages);
	nla_put_u64(msg, HUGEPOST_A_MAP_HOST_PAGES_PER_CELL, 4);
	nla_put_u32(msg, HUGEPOST_A_MAP_FIRST_CELL, first);
	nla_put(msg, HUGEPOST_A_MAP_ASSEMBLING, sizeof(cells), cells);
	nla_put(msg, HUGEPOST_A_MAP_PRESENT, sizeof(cells), cells);
	nla_put(msg, HUGEPOST_A_MAP_ZERO, sizeof(cells), cells);
	tap_need(!parse_map(nlmsg_hdr(msg), &part), "a part");
	nlmsg_free(msg);
	return part;
}

static int append_part(struct hp_map *map, uint64_t host_pages, uint32_t first, uint32_t number)
{
	struct hp_map part = part_of_map(host_pages, first, number);
	int err = map_append(map, &part);

	free(part.assembling);
	return err;
}

static void maps_of_parts(void)
{
	struct hp_map map = { 0 }, nothing = { 0 }, none = { .host_pages = 15, .first_cell = 2 };

	tap_ok(!map_append(&map, &nothing) && map_is_complete(&map), "nothing is a whole map");
	free(map.assembling);
	map = (struct hp_map) { 0 };
	tap_ok(append_part(&map, 15, 2, 30) == -EPROTO, "the first part is not of other cells");
	tap_ok(!append_part(&map, 15, 0, 10) && !map_is_complete(&map), "the first part of two");
	tap_ok(append_part(&map, 15, 0, 10) == -EPROTO, "the same part again is bad");
	tap_ok(append_part(&map, 16, 2, 20) == -EPROTO, "as is one of another object");
	tap_ok(map_append(&map, &none) == -EPROTO, "and one of no cells");
	tap_ok(!append_part(&map, 15, 2, 20) && map_is_complete(&map), "the second part of two");
	tap_ok(map.cells == 4 && !map.first_cell && map.host_pages == 15 &&
	       map.assembling[1] == 11 && map.present[2] == 20 && map.zero[0] == 10 &&
	       map.zero[3] == 21, "and the map of both");
	free(map.assembling);
}

int main(void)
{
	objects();
	modules();
	channels();
	events();
	maps();
	maps_of_parts();
	return tap_end();
}
