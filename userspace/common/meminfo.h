/* SPDX-License-Identifier: GPL-2.0-only */
/* How much memory the host has to give. */
#ifndef COMMON_MEMINFO_H
#define COMMON_MEMINFO_H

#include <stdint.h>

/* MemAvailable in bytes. 0, -errno if it cannot be asked for, -ENODATA if it is not told. */
int memory_available(uint64_t *bytes);

#endif /* COMMON_MEMINFO_H */
