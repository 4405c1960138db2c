/* SPDX-License-Identifier: GPL-2.0-only */
/* A memory back end that the command line makes by -object. */
#ifndef QEMU_OBJECT_H
#define QEMU_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#define HOST_PAGE	(2ULL << 20)

struct object {
	int index;		/* of -object's value in the command line */
	bool json;		/* the value is a JSON object, as libvirt writes it */
	char *type, *id;
	char *path;		/* mem-path, or NULL */
	bool persistent;	/* pmem, or not to be written */
	bool on_device;		/* mem-path is /dev/hugepost */
	bool share;
	uint64_t size, align;
};

/* @path leads to /dev/hugepost. */
bool is_device(const char *path);

/* Reads -object's value; false if it is no memory back end. */
bool object_read(struct object *object, const char *value);

/* Ends the program if the object is on the device, and cannot work there. */
void object_check(const struct object *object);

#endif /* QEMU_OBJECT_H */
