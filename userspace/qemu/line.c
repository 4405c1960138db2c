// SPDX-License-Identifier: GPL-2.0-only
/* Reads QEMU's command line as QEMU does, whose options begin with - or --. */
#include <ctype.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "line.h"
#include "say.h"
#include "value.h"

#define RAM_ALIGN	8192	/* QEMU rounds the size of RAM up to a multiple */

/*
 * Options without a value, of QEMU 7.2 to 11.1 (any target); all others have
 * one. The check compares the list with the installed QEMU's -help.
 */
static const char *const flags[] = {
	"S", "alt-grab", "async-teardown", "audio-help", "ctrl-grab", "curses", "daemonize",
	"enable-fips", "enable-hax", "enable-kvm", "enable-sync-profile", "full-screen",
	"h", "help", "jitdump", "mem-prealloc", "no-acpi", "no-fd-bootchk", "no-hpet",
	"no-quit", "no-reboot", "no-shutdown", "no-user-config", "nodefaults", "nographic",
	"old-param", "only-migratable", "perfmap", "portrait", "preconfig", "s", "sdl",
	"semihosting", "singlestep", "snapshot", "usb", "version", "win2k-hack",
	"xen-attach", "xen-domid-restrict", NULL
};

/* Of those, the ones that print something and end QEMU. */
static const char *const informers[] = { "audio-help", "h", "help", "version", NULL };

/*
 * Options that answer "help" or "?" and end QEMU. With others it is a value
 * like any, such as a guest's name.
 */
static const char *const helpful[] = {
	"L", "M", "accel", "audio", "audiodev", "boot", "chardev", "cpu", "d", "device",
	"display", "machine", "netdev", "object", "smp", "tpmdev", "trace", "vga", NULL
};

/* Of those, the ones where it can stand at any place of the value. */
static const char *const helpful_inside[] = {
	"M", "boot", "device", "machine", "object", "smp", NULL
};

static bool has(const char *const *list, const char *word)
{
	for (; *list; list++)
		if (!strcmp(*list, word))
			return true;
	return false;
}

static bool is_help(const char *word)
{
	return word && (!strcmp(word, "help") || !strcmp(word, "?"));
}

static bool asks_for_help(const char *option, const char *value)
{
	bool help = has(helpful, option) && is_help(value);
	char *word = NULL;

	if (has(helpful_inside, option))
		help = help || list_has(value, "help") || list_has(value, "?");
	else if (!strcmp(option, "nic") || !strcmp(option, "net"))
		word = list_get(value, "type", "model");
	else if (!strcmp(option, "drive"))
		word = list_get(value, NULL, "format");
	help = help || is_help(word);
	free(word);
	return help;
}

static void set_ram(struct line *line, const char *option, const char *text, char unit)
{
	if (parse_size(text, unit, &line->ram))
		die(EXIT_OWN, "the size '%s' in %s is none that QEMU knows: write it as 4G or 512M",
		    text, option);
	line->ram = (line->ram + RAM_ALIGN - 1) & ~(uint64_t)(RAM_ALIGN - 1);
}

static void read_memory(struct line *line, const char *value)
{
	char *size = list_get(value, "size", "size");
	size_t length = size ? strlen(size) : 0;

	/* QEMU asks for the last character: 0x10 counts MiB, 0xa bytes. */
	if (length && isdigit((unsigned char)size[length - 1])) {
		char *mebibytes = format("%sM", size);

		set_ram(line, "-m", mebibytes, 'B');
		free(mebibytes);
	} else if (size) {
		set_ram(line, "-m", size, 'B');
	}
	free(size);
}

static void replace(char **old, char *new)
{
	if (!new)
		return;
	free(*old);
	*old = new;
}

/* QEMU merges all -machine options, key by key. */
static void read_machine(struct line *line, const char *value)
{
	char *size = list_get(value, "type", "memory.size");

	replace(&line->machine, list_get(value, "type", "type"));
	replace(&line->backend, list_get(value, "type", "memory-backend"));
	if (size)
		set_ram(line, "-machine memory.size", size, 'B');
	free(size);
}

static void add_name(char ***list, size_t *nr, char *name)
{
	if (!name)
		return;
	*list = must(reallocarray(*list, *nr + 1, sizeof(**list)));
	(*list)[(*nr)++] = name;
}

static void read_numa(struct line *line, const char *value)
{
	add_name(&line->memdevs, &line->nr_memdevs, list_get(value, "type", "memdev"));
}

/* In a list or in JSON; what is neither is for QEMU to tell of. */
static char *property(const char *value, const char *implied, const char *key)
{
	struct json_object *json = *value == '{' ? json_tokener_parse(value) : NULL;
	char *text = value_get(value, json, implied, key);

	json_object_put(json);
	return text;
}

/* Devices that are memory of the guest; what an NVDIMM holds is more than that. */
static void read_device(struct line *line, const char *value)
{
	static const char *const memory[] = {
		"pc-dimm", "virtio-mem", "virtio-mem-pci", "virtio-mem-pci-non-transitional", NULL
	};
	char *driver = property(value, "driver", "driver");

	if (driver && has(memory, driver))
		add_name(&line->plugged, &line->nr_plugged, property(value, "driver", "memdev"));
	free(driver);
}

/* A channel by which another QEMU hands its memory over. */
static void read_incoming(struct line *line, const char *value)
{
	char *type = property(value, "channel-type", "channel-type");

	line->cpr |= type && !strcmp(type, "cpr");
	free(type);
}

static void read_object(struct line *line, int index)
{
	struct object object;

	if (!object_read(&object, line->argv[index]))
		return;
	object.index = index;
	line->objects = must(reallocarray(line->objects, line->nr_objects + 1,
					  sizeof(*line->objects)));
	line->objects[line->nr_objects++] = object;
}

/* @index: of the option's value. */
static void read_option(struct line *line, const char *option, int index)
{
	const char *value = line->argv[index];

	if (asks_for_help(option, value))
		line->no_guest = true;
	else if (!strcmp(option, "m"))
		read_memory(line, value);
	else if (!strcmp(option, "machine") || !strcmp(option, "M"))
		read_machine(line, value);
	else if (!strcmp(option, "numa"))
		read_numa(line, value);
	else if (!strcmp(option, "incoming"))
		read_incoming(line, value);
	else if (!strcmp(option, "device"))
		read_device(line, value);
	else if (!strcmp(option, "object"))
		read_object(line, index);
	else if (!strcmp(option, "mem-path"))
		replace(&line->mem_path, must(strdup(value)));
	else if (!strcmp(option, "readconfig"))
		line->readconfig = true;
}

void line_read(struct line *line, int argc, char **argv)
{
	int i;

	*line = (struct line) { .argc = argc };
	line->argv = must(calloc(argc + 1, sizeof(*line->argv)));
	memcpy(line->argv, argv, argc * sizeof(*argv));

	for (i = 1; i < argc; i++) {
		const char *option = argv[i];

		if (*option++ != '-')
			continue;
		if (*option == '-')
			option++;
		if (has(flags, option)) {
			line->own_help |= !strcmp(argv[i], "--help");
			line->own_version |= !strcmp(argv[i], "--version");
			line->no_guest |= has(informers, option);
		} else if (i + 1 == argc) {
			/* What is added would become its value: QEMU is to say so. */
			line->no_guest = true;
		} else {
			read_option(line, option, ++i);
		}
	}
	line->no_guest |= line->machine && !strcmp(line->machine, "none");
}

void line_add(struct line *line, const char *option, char *value)
{
	line->argv = must(reallocarray(line->argv, line->argc + 3, sizeof(*line->argv)));
	line->argv[line->argc++] = must(strdup(option));
	line->argv[line->argc++] = value;
	line->argv[line->argc] = NULL;
}
