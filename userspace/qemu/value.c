// SPDX-License-Identifier: GPL-2.0-only
/* Reads values of options the way QEMU does (util/keyval.c, util/cutils.c). */
#include <ctype.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"
#include "value.h"

/*
 * The next item of the list at *@rest, a new string with ",," undone, which
 * *@rest is moved behind, and behind its comma; NULL at the end.
 */
static char *next_item(const char **rest)
{
	const char *from = *rest;
	char *item, *to;

	if (!*from)
		return NULL;
	item = must(malloc(strlen(from) + 1));
	for (to = item; *from; from++) {
		if (*from == ',' && *++from != ',')
			break;
		*to++ = *from;
	}
	*to = '\0';
	*rest = from;
	return item;
}

/* Bytes of the first item of @list as it is written, without the comma behind it. */
static int item_length(const char *list)
{
	const char *end;

	for (end = list; *end; end++)
		if (*end == ',' && *++end != ',')
			return (int)(end - list) - 1;
	return (int)(end - list);
}

bool same_key(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a == '_' ? '-' : *a) != (*b == '_' ? '-' : *b))
			return false;
	return *a == *b;
}

/* Key and value of @item, whose text is changed. */
static void split_item(char *item, const char *implied, const char **key, const char **value)
{
	char *equals = strchr(item, '=');

	*key = item;
	*value = "on";
	if (equals) {
		*equals = '\0';
		*value = equals + 1;
	} else if (implied) {
		*key = implied;
		*value = item;
	}
}

char *list_get(const char *list, const char *implied, const char *key)
{
	char *found = NULL, *item;
	const char *name, *value;

	for (; (item = next_item(&list)); implied = NULL) {
		split_item(item, implied, &name, &value);
		if (same_key(name, key)) {
			free(found);
			found = must(strdup(value));
		}
		free(item);
	}
	return found;
}

/* In JSON, numbers and booleans are as they are written. */
char *value_get(const char *value, struct json_object *json, const char *implied,
		const char *key)
{
	struct json_object *member;

	if (*value != '{')
		return list_get(value, implied, key);
	if (!json_object_object_get_ex(json, key, &member) || !member)
		return NULL;
	return must(strdup(json_object_get_string(member)));
}

char *list_keep(const char *list, const char *implied,
		bool (*keep)(const char *key, const char *value, void *data), void *data)
{
	char *result = must(strdup("")), *item;
	const char *from = list, *key, *value;

	for (; (item = next_item(&list)); implied = NULL, from = list) {
		split_item(item, implied, &key, &value);
		if (keep(key, value, data)) {
			int length = item_length(from);
			char *longer = format("%s%s%.*s", result, *result ? "," : "", length, from);

			free(result);
			result = longer;
		}
		free(item);
	}
	return result;
}

bool list_has(const char *list, const char *word)
{
	bool found = false;
	char *item;

	while (!found && (item = next_item(&list))) {
		found = !strcmp(item, word);
		free(item);
	}
	return found;
}

/* The power of two of a suffix, or -EINVAL. */
static int suffix_shift(char suffix)
{
	static const char suffixes[] = "BKMGTPE";
	const char *found = strchr(suffixes, toupper((unsigned char)suffix));

	return suffix && found ? 10 * (int)(found - suffixes) : -EINVAL;
}

int parse_size(const char *text, char unit, uint64_t *bytes)
{
	double fraction = 0, digit = 1;
	unsigned long long whole;
	char *end;
	int shift;

	while (isspace((unsigned char)*text))
		text++;
	if (*text == '-')
		return -EINVAL;
	errno = 0;
	/* A leading 0 is no octal number in QEMU. */
	whole = strtoull(text, &end, text[0] == '0' && tolower(text[1]) == 'x' ? 16 : 10);
	if (errno || end == text)
		return -EINVAL;
	if (*end == '.')
		for (end++; isdigit((unsigned char)*end); end++)
			fraction += (*end - '0') * (digit /= 10);

	shift = suffix_shift(*end ? *end : unit);
	if (shift < 0 || (*end && end[1]) || (fraction > 0 && !shift) ||
	    whole > UINT64_MAX >> 1 >> shift)
		return -EINVAL;
	*bytes = (whole << shift) + (uint64_t)(fraction * (double)(1ULL << shift) + 0.5);
	return 0;
}

int parse_bool(const char *text, bool *value)
{
	static const char *const words[] = { "off", "no", "false", "n", "on", "yes", "true", "y" };
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (!strcmp(text, words[i])) {
			*value = i >= 4;
			return 0;
		}
	}
	return -EINVAL;
}
