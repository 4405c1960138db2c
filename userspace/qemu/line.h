/* SPDX-License-Identifier: GPL-2.0-only */
/* QEMU's command line, and what it says about the guest's memory. */
#ifndef QEMU_LINE_H
#define QEMU_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "object.h"

struct line {
	char **argv;		/* what QEMU gets; ends with NULL, argv[0] is to be set */
	int argc;
	bool own_help;		/* --help, to be told from QEMU's -help */
	bool own_version;	/* --version */
	bool no_guest;		/* QEMU says something, or finds an error, and ends */
	char *machine;		/* the type, NULL: QEMU's default */
	char *mem_path;		/* -mem-path */
	bool cpr;		/* -incoming has a channel of that type */
	bool readconfig;	/* a file may say anything about the memory */
	uint64_t ram;		/* bytes by -m, 0: QEMU's default */
	char *backend;		/* -machine memory-backend */
	char **memdevs;		/* -numa memdev */
	size_t nr_memdevs;
	char **plugged;		/* -device memdev of a DIMM or of virtio-mem */
	size_t nr_plugged;
	struct object *objects;	/* -object, those that are memory back ends */
	size_t nr_objects;
};

/* Reads the line of which @argv[0] is the wrapper's name. */
void line_read(struct line *line, int argc, char **argv);

/* Appends an option and its value, which become the line's. */
void line_add(struct line *line, const char *option, char *value);

#endif /* QEMU_LINE_H */
