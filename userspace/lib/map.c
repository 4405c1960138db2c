// SPDX-License-Identifier: LGPL-2.1-or-later
/* The caller's mappings of an object. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "internal.h"

static int whole_object(struct hugepost_object *obj, uint64_t *length)
{
	struct hugepost_stats stats;
	int ret = hugepost_object_stats(obj, &stats);

	if (ret)
		return ret;
	if (!stats.out_length)
		return -ENXIO;
	*length = stats.out_length;
	return 0;
}

int hugepost_object_map(struct hugepost_object *obj, uint64_t offset, uint64_t length, void **addr)
{
	struct hp_mapping *mapping;
	int ret = 0;

	if (!offset && !length)
		ret = whole_object(obj, &length);
	if (ret)
		return ret;
	if (length > SIZE_MAX || offset > INT64_MAX)
		return -ERANGE;
	mapping = malloc(sizeof(*mapping));
	if (!mapping)
		return -ENOMEM;

	/* No hint: the module then aligns the mapping to the host page. */
	mapping->length = length;
	mapping->addr = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, obj->fd, offset);
	if (mapping->addr == MAP_FAILED) {
		ret = -errno;
		free(mapping);
		return ret;
	}
	*addr = mapping->addr;

	pthread_mutex_lock(&obj->lock);
	mapping->next = obj->mappings;
	obj->mappings = mapping;
	pthread_mutex_unlock(&obj->lock);
	return 0;
}

int hugepost_object_unmap(struct hugepost_object *obj, void *addr)
{
	struct hp_mapping **link, *mapping;
	int ret;

	pthread_mutex_lock(&obj->lock);
	for (link = &obj->mappings; *link; link = &(*link)->next)
		if ((*link)->addr == addr)
			break;
	mapping = *link;
	if (mapping)
		*link = mapping->next;
	pthread_mutex_unlock(&obj->lock);
	if (!mapping)
		return -EINVAL;

	ret = munmap(mapping->addr, mapping->length) ? -errno : 0;
	free(mapping);
	return ret;
}

void hp_unmap_all(struct hugepost_object *obj)
{
	while (obj->mappings)
		hugepost_object_unmap(obj, obj->mappings->addr);
}
