/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests to the module's generic netlink family. */
#ifndef CTL_NL_H
#define CTL_NL_H

#include "model.h"

struct hp_nl;

/*
 * Looks for the family, and for a way to read: CAP_SYS_ADMIN, or a descriptor of
 * the device. *@nl is to be closed also after an error (NULL is allowed), when
 * hp_nl_problem() tells of it.
 *
 * -ENODEV: the module is not loaded; -EACCES: no permission; -ENOMEM.
 */
int hp_nl_open(struct hp_nl **nl);
void hp_nl_close(struct hp_nl *nl);

/*
 * What was wrong with the last call, for a person: the kernel's own words, with
 * the name of the attribute that they are about. Empty if there are none.
 */
const char *hp_nl_problem(const struct hp_nl *nl);

/*
 * Each returns 0 or -errno: that of the kernel, -ENODEV if the module is gone.
 * What they fill in is to be freed only if they return 0.
 */
int hp_nl_module_get(struct hp_nl *nl, struct hp_module *module);
void hp_nl_module_free(struct hp_module *module);

/* Changes one setting, HUGEPOST_A_MODULE_LIMIT, _RESERVE or _PROGRESS_STEP. */
int hp_nl_module_set(struct hp_nl *nl, int attr, uint64_t value);

int hp_nl_object_get(struct hp_nl *nl, uint64_t id, struct hp_object *object);
void hp_nl_object_free(struct hp_object *object);

/* Gives back what holds only zeros, from host page @first on as far as trim->next. */
int hp_nl_object_trim(struct hp_nl *nl, uint64_t id, uint64_t first, struct hp_trim *trim);

/*
 * All objects, or all that are set up. The one that hp_nl_open() opened itself is
 * not among them. A dump that the kernel says is torn is repeated a few times.
 */
int hp_nl_objects_get(struct hp_nl *nl, bool all, struct hp_objects *objects);
void hp_nl_objects_free(struct hp_objects *objects);

int hp_nl_channels_get(struct hp_nl *nl, uint64_t id, struct hp_channels *channels);
void hp_nl_channels_free(struct hp_channels *channels);

/* All of an object in @cells cells at most, in as many requests as that takes. */
int hp_nl_map_get(struct hp_nl *nl, uint64_t id, uint32_t cells, struct hp_map *map);
void hp_nl_map_free(struct hp_map *map);

/* The number of a multicast group, or -errno. */
int hp_nl_group(struct hp_nl *nl, const char *family, const char *group);

#endif /* CTL_NL_H */
