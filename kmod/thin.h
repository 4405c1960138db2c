/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: host pages that were only read are given back soon after.
 */
#ifndef HUGEPOST_THIN_H
#define HUGEPOST_THIN_H

#include "object.h"

struct vm_fault;

void hp_thin_note(struct hp_object *obj, unsigned long hidx,
		  const struct vm_fault *vmf);
void hp_thin_anew(struct hp_object *obj);
int hp_thin_now(struct hp_object *obj, unsigned long first, unsigned long end,
		unsigned long *done);
void hp_thin_end(struct hp_object *obj);
void hp_thin_free(struct hp_object *obj);

int hp_thin_init(void);
void hp_thin_exit(void);

#endif /* HUGEPOST_THIN_H */
