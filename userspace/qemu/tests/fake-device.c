// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands in for libhugepost where there is no device: it opens, or gives the
 * error number in TEST_DEVICE_ERROR.
 */
#include <hugepost.h>
#include <stdlib.h>

int hugepost_object_open(struct hugepost_object **obj, const char *path)
{
	const char *err = getenv("TEST_DEVICE_ERROR");

	(void)path;
	*obj = NULL;
	return err ? -atoi(err) : 0;
}

void hugepost_object_close(struct hugepost_object *obj)
{
	(void)obj;
}

const char *hugepost_open_hint(int err)
{
	return err ? "the hint" : "no error";
}
