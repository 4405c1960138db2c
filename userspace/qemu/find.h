/* SPDX-License-Identifier: GPL-2.0-only */
/* Where QEMU and the shim are. */
#ifndef QEMU_FIND_H
#define QEMU_FIND_H

#define OWN_NAME	"hugepost-qemu"

/* The real QEMU's path. @called: the name that the wrapper was called by. */
char *find_qemu(const char *called);

/* Ends the program if the wrapper was started by itself; else takes note. */
void guard_against_loop(const char *qemu);

/* Puts the shim first into LD_PRELOAD. */
void preload_shim(void);

#endif /* QEMU_FIND_H */
