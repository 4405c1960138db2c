// SPDX-License-Identifier: GPL-2.0-only
/* hugepostctl trim: gives back an object's memory that holds nothing but zeros. */
#include <inttypes.h>
#include <stdio.h>

#include "ctl.h"
#include "format.h"
#include "json.h"

static int print(const struct hp_object *object, uint64_t bytes, bool json)
{
	struct json_object *all;

	if (!json) {
		printf("%s given back\n", format_size_exact(bytes).s);
		return end_of_output();
	}
	all = json_object_new_object();
	json_put_u64(all, "object", object->id);
	json_put_u64(all, "bytes", bytes);
	return json_print(all);
}

int trim_run(struct hp_nl *nl, const struct options *options)
{
	uint64_t host_pages = 0, from = 0;
	struct hp_trim trim = { 0 };
	struct hp_object object;
	int err, code;

	err = hp_nl_object_get(nl, options->id, &object);
	if (err)
		return fail(nl, err, "object %" PRIu64, options->id);
	do {
		from = trim.next;
		err = hp_nl_object_trim(nl, options->id, from, &trim);
		host_pages += err ? 0 : trim.trimmed;
	} while (!err && trim.next > from && trim.next != UINT64_MAX);
	code = err ? fail(nl, err, "object %" PRIu64, options->id) :
		     print(&object, host_pages * object.host_page, options->json);
	hp_nl_object_free(&object);
	return code;
}
