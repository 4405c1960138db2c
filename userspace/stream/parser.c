// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parser-internal.h"

/* Most bytes of the description, which is read to find the stream's end. */
#define DESCRIPTION_MAX	(256u * 1024 * 1024)

int stream_fail(struct parser *p, uint64_t offset, const char *fmt, ...)
{
	va_list ap;

	p->error->offset = offset;
	va_start(ap, fmt);
	vsnprintf(p->error->text, sizeof(p->error->text), fmt, ap);
	va_end(ap);
	return -EBADMSG;
}

int stream_take(struct parser *p, size_t len, const char *what,
		const uint8_t **data)
{
	size_t have;
	int err;

	err = reader_peek(p->reader, len, data, &have);
	if (err)
		return err;
	if (have < len)
		return stream_fail(p, reader_offset(p->reader) + have,
				   "the stream ends in the middle: expected %s (%zu bytes, %zu "
				   "are there)",
				   what, len, have);
	reader_advance(p->reader, len);
	return 0;
}

int stream_take8(struct parser *p, const char *what, uint8_t *v)
{
	const uint8_t *data;
	int err = stream_take(p, 1, what, &data);

	if (!err)
		*v = data[0];
	return err;
}

int stream_take16(struct parser *p, const char *what, uint16_t *v)
{
	const uint8_t *data;
	int err = stream_take(p, 2, what, &data);

	if (!err)
		*v = get_be16(data);
	return err;
}

int stream_take32(struct parser *p, const char *what, uint32_t *v)
{
	const uint8_t *data;
	int err = stream_take(p, 4, what, &data);

	if (!err)
		*v = get_be32(data);
	return err;
}

int stream_take64(struct parser *p, const char *what, uint64_t *v)
{
	const uint8_t *data;
	int err = stream_take(p, 8, what, &data);

	if (!err)
		*v = get_be64(data);
	return err;
}

bool stream_printable(const uint8_t *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (s[i] < 0x20 || s[i] > 0x7e)
			return false;
	return true;
}

int stream_take_string(struct parser *p, const char *what,
		       char name[STREAM_NAME_MAX])
{
	uint64_t offset = reader_offset(p->reader);
	const uint8_t *data;
	uint8_t len;
	int err;

	err = stream_take8(p, what, &len);
	if (err)
		return err;
	err = stream_take(p, len, what, &data);
	if (err)
		return err;
	if (!len || !stream_printable(data, len))
		return stream_fail(p, offset,
				   "expected %s, found %s", what,
				   len ? "unprintable bytes" : "an empty one");
	memcpy(name, data, len);
	name[len] = '\0';
	return 0;
}

static int take_capabilities(struct parser *p)
{
	char name[STREAM_NAME_MAX];
	uint32_t count, i;
	uint64_t offset;
	int err;

	err = stream_take32(p, "the number of capabilities", &count);
	for (i = 0; !err && i < count; i++) {
		offset = reader_offset(p->reader);
		err = stream_take_string(p, "a capability's name", name);
		if (err)
			break;
		if (!strcmp(name, "x-ignore-shared"))
			p->info->ignore_shared = true;
		else
			err = stream_fail(p, offset,
					  "the stream needs the capability '%s', which is not "
					  "supported: migrate without it",
					  name);
	}
	return err;
}

static int take_configuration_part(struct parser *p)
{
	uint64_t offset = reader_offset(p->reader);
	char name[STREAM_NAME_MAX];
	const uint8_t *data;
	uint32_t version, bits;
	int err;

	err = stream_take_string(p, "the name of a part of the configuration", name);
	if (err)
		return err;
	err = stream_take32(p, "the version of a part of the configuration", &version);
	if (err)
		return err;

	if (!strcmp(name, "configuration/capabilities"))
		return take_capabilities(p);
	if (!strcmp(name, "configuration/uuid"))
		return stream_take(p, 16, "the guest's UUID", &data);
	if (strcmp(name, "configuration/target-page-bits"))
		return stream_fail(p, offset,
				   "unknown part '%s' of the configuration: expected "
				   "capabilities, uuid or target-page-bits",
				   name);

	offset = reader_offset(p->reader);
	err = stream_take32(p, "the size of a target page", &bits);
	if (!err && bits != QEVM_TARGET_SHIFT)
		err = stream_fail(p, offset,
				  "the guest's target page has %" PRIu32 " bits: expected %d "
				  "(4096 bytes)",
				  bits, QEVM_TARGET_SHIFT);
	return err;
}

static int take_configuration(struct parser *p)
{
	uint64_t offset = reader_offset(p->reader);
	const uint8_t *data;
	uint32_t len;
	size_t have;
	int err;

	err = stream_take32(p, "the length of the machine's name", &len);
	if (err)
		return err;
	if (len >= STREAM_NAME_MAX)
		return stream_fail(p, offset,
				   "the machine's name is said to be %" PRIu32 " bytes long: "
				   "expected less than %d",
				   len, STREAM_NAME_MAX);
	err = stream_take(p, len, "the machine's name", &data);
	if (err)
		return err;
	if (!stream_printable(data, len))
		return stream_fail(p, offset + 4,
				   "expected the machine's name, found unprintable bytes");
	memcpy(p->info->machine, data, len);
	p->info->machine[len] = '\0';

	for (;;) {
		err = reader_peek(p->reader, 1, &data, &have);
		if (err || !have || data[0] != QEVM_SUBSECTION)
			return err;
		reader_advance(p->reader, 1);
		err = take_configuration_part(p);
		if (err)
			return err;
	}
}

static int take_header(struct parser *p)
{
	uint32_t magic, version;
	const uint8_t *data;
	size_t have;
	int err;

	err = stream_take32(p, "the stream's magic 'QEVM'", &magic);
	if (err)
		return err;
	if (magic != QEVM_MAGIC)
		return stream_fail(p, 0,
				   "not a migration stream of QEMU: expected the magic 'QEVM' "
				   "(0x%08x), found 0x%08" PRIx32,
				   QEVM_MAGIC, magic);
	err = stream_take32(p, "the stream's version", &version);
	if (err)
		return err;
	if (version != QEVM_VERSION)
		return stream_fail(p, 4, "the stream has version %" PRIu32 ": expected %d",
				   version, QEVM_VERSION);

	/* Machine types up to 2.3 send no configuration. */
	err = reader_peek(p->reader, 1, &data, &have);
	if (err || !have || data[0] != QEVM_CONFIGURATION)
		return err;
	reader_advance(p->reader, 1);
	return take_configuration(p);
}

int command_length(uint16_t command)
{
	switch (command) {
	case QEVM_CMD_OPEN_RETURN_PATH:
	case QEVM_CMD_SWITCHOVER_START:
		return 0;
	case QEVM_CMD_PING:
		return 4;
	case QEVM_CMD_POSTCOPY_ADVISE:
		return 16;
	default:
		return -1;
	}
}

static int take_command(struct parser *p, uint64_t offset)
{
	static const char * const names[QEVM_CMD_MAX] = {
		[QEVM_CMD_POSTCOPY_LISTEN] = "POSTCOPY_LISTEN",
		[QEVM_CMD_POSTCOPY_RUN] = "POSTCOPY_RUN",
		[QEVM_CMD_POSTCOPY_RAM_DISCARD] = "POSTCOPY_RAM_DISCARD",
		[QEVM_CMD_PACKAGED] = "PACKAGED",
		[QEVM_CMD_ENABLE_COLO] = "ENABLE_COLO",
		[QEVM_CMD_POSTCOPY_RESUME] = "POSTCOPY_RESUME",
		[QEVM_CMD_RECV_BITMAP] = "RECV_BITMAP",
	};
	uint16_t command, len;
	const uint8_t *data;
	int err, expected;

	err = stream_take16(p, "a command's number", &command);
	if (err)
		return err;
	err = stream_take16(p, "a command's length", &len);
	if (err)
		return err;

	if (command < QEVM_CMD_MAX && names[command])
		return stream_fail(p, offset,
				   "the stream has the command %s: expected a precopy stream to "
				   "its end, not a switch to postcopy or COLO",
				   names[command]);
	expected = command_length(command);
	if (expected < 0)
		return stream_fail(p, offset,
				   "unknown command %u: expected one between 1 and %d",
				   command, QEVM_CMD_MAX - 1);
	if (len != expected)
		return stream_fail(p, offset,
				   "the command %u has %u bytes: expected %d",
				   command, len, expected);
	if (command == QEVM_CMD_POSTCOPY_ADVISE)
		p->info->postcopy_advised = true;
	return stream_take(p, len, "a command's content", &data);
}

int stream_grow(void **array, uint32_t nr, size_t size)
{
	void *bigger;

	/* Room for 16, 32, 64...: full when nr is such a number, or 0. */
	if (nr && (nr < 16 || (nr & (nr - 1))))
		return 0;
	bigger = reallocarray(*array, nr ? 2 * (size_t)nr : 16, size);
	if (!bigger)
		return -ENOMEM;
	*array = bigger;
	return 0;
}

struct open_section *find_section(struct parser *p, uint32_t id)
{
	uint32_t i;

	for (i = 0; i < p->nr_sections; i++)
		if (p->sections[i].id == id)
			return &p->sections[i];
	return NULL;
}

static int take_footer(struct parser *p, uint32_t id)
{
	uint64_t offset = reader_offset(p->reader);
	const uint8_t *data;
	uint32_t found;
	size_t have;
	int err;

	if (!p->footers_known) {
		/* Machine types up to 2.3 have no footers at all. */
		err = reader_peek(p->reader, 1, &data, &have);
		if (err)
			return err;
		p->info->footers = !have || data[0] == QEVM_FOOTER;
		p->footers_known = true;
	}
	if (!p->info->footers)
		return 0;

	err = stream_take(p, 1, "the footer of the section 'ram'", &data);
	if (err)
		return err;
	if (data[0] != QEVM_FOOTER)
		return stream_fail(p, offset,
				   "expected the footer (0x%02x) of the section 'ram', found "
				   "0x%02x",
				   QEVM_FOOTER, data[0]);
	err = stream_take32(p, "the section's id in its footer", &found);
	if (!err && found != id)
		err = stream_fail(p, offset + 1,
				  "expected the footer of section %" PRIu32 " ('ram'), found that "
				  "of %" PRIu32,
				  id, found);
	return err;
}

static int take_ram(struct parser *p, uint32_t id, bool last)
{
	uint64_t offset = reader_offset(p->reader);
	int err;

	p->info->ram_sections++;
	err = ram_records(p);
	if (!err && last && !p->info->nr_blocks)
		err = stream_fail(p, offset,
				  "the section 'ram' ends here: expected the list of RAM blocks "
				  "before");
	if (!err)
		err = take_footer(p, id);
	if (!err && last) {
		p->info->ram_complete = true;
		p->info->ram_end = reader_offset(p->reader);
	}
	return err;
}

static int skip(struct parser *p, uint32_t id, const char *name,
		uint32_t instance, uint64_t start)
{
	uint64_t bytes;
	int err;

	err = skip_section(p, id, name, start);
	if (err)
		return err;
	bytes = reader_offset(p->reader) - start;
	p->info->skipped_sections++;
	p->info->skipped_bytes += bytes;
	return p->ops->skipped ? p->ops->skipped(p->ctx, name, instance, bytes, start) : 0;
}

/* The header of a section that begins: id, name, instance, version. */
static int take_first(struct parser *p, uint8_t type, uint64_t start)
{
	char name[STREAM_NAME_MAX];
	uint32_t id, instance, version;
	struct open_section *s;
	int err;

	err = stream_take32(p, "a section's id", &id);
	if (!err)
		err = stream_take_string(p, "a section's name", name);
	if (!err)
		err = stream_take32(p, "a section's instance", &instance);
	if (!err)
		err = stream_take32(p, "a section's version", &version);
	if (err)
		return err;

	if (!strcmp(name, QEVM_RAM_SECTION)) {
		if (type != QEVM_SECTION_START || p->ram_open)
			return stream_fail(p, start, p->ram_open ?
					   "the section 'ram' begins a second time" :
					   "the section 'ram' comes in one piece: expected one in "
					   "parts");
		if (version != QEVM_RAM_VERSION)
			return stream_fail(p, start,
					   "the section 'ram' has version %" PRIu32 ": expected %d",
					   version, QEVM_RAM_VERSION);
	}
	if (type == QEVM_SECTION_FULL)
		return skip(p, id, name, instance, start);

	if (find_section(p, id))
		return stream_fail(p, start,
				   "the section id %" PRIu32 " of '%s' is in use "
				   "already", id, name);
	if (p->nr_sections == STREAM_SECTIONS_MAX)
		return stream_fail(p, start, "more than %d sections in parts",
				   STREAM_SECTIONS_MAX);
	err = stream_grow((void **)&p->sections, p->nr_sections, sizeof(*s));
	if (err)
		return err;
	s = &p->sections[p->nr_sections++];
	s->id = id;
	s->instance = instance;
	s->ended = false;
	memcpy(s->name, name, sizeof(name));

	if (!strcmp(name, QEVM_RAM_SECTION)) {
		p->ram_open = true;
		p->ram_id = id;
		return take_ram(p, id, false);
	}
	return skip(p, id, name, instance, start);
}

static int take_next(struct parser *p, uint8_t type, uint64_t start)
{
	struct open_section *s;
	uint32_t id;
	int err;

	err = stream_take32(p, "a section's id", &id);
	if (err)
		return err;
	s = find_section(p, id);
	if (!s)
		return stream_fail(p, start,
				   "a part of the unknown section %" PRIu32 ": expected one that "
				   "has begun",
				   id);
	if (s->ended)
		return stream_fail(p, start,
				   "a part of the section '%s' after its end", s->name);
	s->ended = type == QEVM_SECTION_END;
	if (p->ram_open && id == p->ram_id)
		return take_ram(p, id, s->ended);
	return skip(p, id, s->name, s->instance, start);
}

static int take_description(struct parser *p)
{
	uint64_t offset = reader_offset(p->reader);
	const uint8_t *data;
	uint32_t len;
	int err;

	err = stream_take32(p, "the length of the stream's description", &len);
	if (err)
		return err;
	if (len > DESCRIPTION_MAX)
		return stream_fail(p, offset,
				   "the stream's description is said to be %" PRIu32 " bytes "
				   "long: expected at most %u",
				   len, DESCRIPTION_MAX);
	while (len) {
		size_t part = len < READER_WINDOW ? len : READER_WINDOW;

		err = stream_take(p, part, "the stream's description", &data);
		if (err)
			return err;
		len -= part;
	}
	p->info->description = true;
	return 0;
}

/* Reads on, so that the writer of a pipe is not killed, and counts. */
static int drain(struct parser *p)
{
	const uint8_t *data;
	size_t have;
	int err;

	for (;;) {
		err = reader_peek(p->reader, 1, &data, &have);
		if (err || !have)
			return err;
		reader_advance(p->reader, have);
		p->info->unparsed_bytes += have;
	}
}

static int take_end(struct parser *p, uint64_t offset)
{
	const uint8_t *data;
	size_t have;
	int err;

	if (!p->info->ram_complete)
		return stream_fail(p, offset,
				   "the stream says that it ends, but the end of the section "
				   "'ram' was expected before");
	/* Machine types that suppress the description stop here. */
	err = reader_peek(p->reader, 1, &data, &have);
	if (err || !have)
		return err;
	if (data[0] == QEVM_VMDESCRIPTION) {
		reader_advance(p->reader, 1);
		err = take_description(p);
		if (err)
			return err;
	}
	return drain(p);
}

static int parse(struct parser *p)
{
	uint64_t start;
	uint8_t type;
	int err;

	err = take_header(p);
	while (!err) {
		/* Without footers, nothing tells where a device's state ends. */
		if (p->info->ram_complete && !p->info->footers)
			return drain(p);

		start = reader_offset(p->reader);
		err = stream_take8(p, "the type of a section", &type);
		if (err)
			break;
		switch (type) {
		case QEVM_SECTION_START:
		case QEVM_SECTION_FULL:
			err = take_first(p, type, start);
			break;
		case QEVM_SECTION_PART:
		case QEVM_SECTION_END:
			err = take_next(p, type, start);
			break;
		case QEVM_COMMAND:
			err = take_command(p, start);
			break;
		case QEVM_EOF:
			return take_end(p, start);
		default:
			err = stream_fail(p, start,
					  "unknown type 0x%02x of a section: expected 0x00 to "
					  "0x04 or 0x08",
					  type);
		}
	}
	return err;
}

int stream_parse(struct reader *reader, const struct stream_ops *ops, void *ctx,
		 struct stream_info *info, struct stream_error *error)
{
	struct parser p = {
		.reader = reader, .ops = ops, .ctx = ctx,
		.info = info, .error = error,
	};
	int err;

	memset(info, 0, sizeof(*info));
	memset(error, 0, sizeof(*error));
	err = parse(&p);
	info->bytes = reader_offset(reader);
	free(p.sections);
	free(p.blocks);
	return err;
}
