/* SPDX-License-Identifier: GPL-2.0-only */
/* The device and the host's memory, before QEMU is started. */
#ifndef QEMU_DEVICE_H
#define QEMU_DEVICE_H

#include <stdint.h>

/* Ends the program if the device cannot be used, or @bytes are not to be had. */
void device_check(uint64_t bytes);

#endif /* QEMU_DEVICE_H */
