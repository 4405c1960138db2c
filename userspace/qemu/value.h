/* SPDX-License-Identifier: GPL-2.0-only */
/* Values of QEMU's options: lists of key=value, sizes and booleans. */
#ifndef QEMU_VALUE_H
#define QEMU_VALUE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The last value of @key in @list, a new string, or NULL. @implied: the key
 * that the first item has if it names none (NULL: there is no such key). An
 * item without a value has the value "on". As in QEMU, ",," stands for a comma
 * in a value, and '_' in a key for '-'.
 */
char *list_get(const char *list, const char *implied, const char *key);

struct json_object;

/* The same of a value that may be JSON, which @json is then; NULL: it is not valid. */
char *value_get(const char *value, struct json_object *json, const char *implied,
		const char *key);

/* The same key, where '_' stands for '-'? */
bool same_key(const char *a, const char *b);

/*
 * A new string: the items of @list that @keep is true for, as they are written.
 * @implied as above.
 */
char *list_keep(const char *list, const char *implied,
		bool (*keep)(const char *key, const char *value, void *data), void *data);

/* @list has an item that is just @word, or @word is all of it. */
bool list_has(const char *list, const char *word);

/*
 * A size as QEMU reads it, such as 512, 1.5G or 0x1000; @unit (a suffix, such
 * as 'M') is what a number without suffix counts. 0 or -EINVAL.
 */
int parse_size(const char *text, char unit, uint64_t *bytes);

/* 0, or -EINVAL if @text is none of on, yes, true, y, off, no, false, n. */
int parse_bool(const char *text, bool *value);

#endif /* QEMU_VALUE_H */
