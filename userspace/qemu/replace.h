/* SPDX-License-Identifier: GPL-2.0-only */
/* Back ends of the guest's memory that are put on the device. */
#ifndef QEMU_REPLACE_H
#define QEMU_REPLACE_H

#include "object.h"

/* NULL if the object is memory only, and can be put on the device; else why not. */
const char *replace_hinders(const struct object *object);

/* A new value for -object, which says what @value does, but on the device. */
char *replace_object(struct object *object, const char *value);

#endif /* QEMU_REPLACE_H */
