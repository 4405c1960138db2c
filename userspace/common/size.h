/* SPDX-License-Identifier: GPL-2.0-only */
/* Sizes that users give. */
#ifndef COMMON_SIZE_H
#define COMMON_SIZE_H

#include <stdint.h>

/* A number of bytes, with a suffix K, M, G or T or without. 0, -EINVAL or -ERANGE. */
int parse_size(const char *text, uint64_t *bytes);

#endif /* COMMON_SIZE_H */
