/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * QEMU's migration stream, version 3, as written by QEMU 2.4 to 10.x
 * (migration/savevm.c, migration/ram.c). All numbers are big endian.
 */
#ifndef STREAM_FORMAT_H
#define STREAM_FORMAT_H

#include <stdint.h>

#define QEVM_MAGIC		0x5145564d	/* "QEVM" */
#define QEVM_VERSION		3

/* What follows: one byte before each part of the stream. */
#define QEVM_EOF		0x00
#define QEVM_SECTION_START	0x01
#define QEVM_SECTION_PART	0x02
#define QEVM_SECTION_END	0x03
#define QEVM_SECTION_FULL	0x04
#define QEVM_SUBSECTION		0x05
#define QEVM_VMDESCRIPTION	0x06
#define QEVM_CONFIGURATION	0x07
#define QEVM_COMMAND		0x08
#define QEVM_FOOTER		0x7e

/* Commands: be16 number, be16 length, then so many bytes. */
enum {
	QEVM_CMD_OPEN_RETURN_PATH = 1,
	QEVM_CMD_PING,
	QEVM_CMD_POSTCOPY_ADVISE,
	QEVM_CMD_POSTCOPY_LISTEN,
	QEVM_CMD_POSTCOPY_RUN,
	QEVM_CMD_POSTCOPY_RAM_DISCARD,
	QEVM_CMD_PACKAGED,
	QEVM_CMD_ENABLE_COLO,
	QEVM_CMD_POSTCOPY_RESUME,
	QEVM_CMD_RECV_BITMAP,
	QEVM_CMD_SWITCHOVER_START,
	QEVM_CMD_MAX,
};

/* The section "ram" holds records: be64 of target page address | flags. */
#define QEVM_RAM_SECTION	"ram"
#define QEVM_RAM_VERSION	4
#define QEVM_TARGET_SHIFT	12
#define QEVM_TARGET_PAGE	0x1000ULL
#define QEVM_FLAGS_MASK		(QEVM_TARGET_PAGE - 1)

#define QEVM_RAM_FULL		0x001	/* not used since 2009 */
#define QEVM_RAM_ZERO		0x002
#define QEVM_RAM_MEM_SIZE	0x004
#define QEVM_RAM_PAGE		0x008
#define QEVM_RAM_EOS		0x010
#define QEVM_RAM_CONTINUE	0x020
#define QEVM_RAM_XBZRLE		0x040
#define QEVM_RAM_HOOK		0x080	/* RDMA */
#define QEVM_RAM_COMPRESS_PAGE	0x100	/* until QEMU 9.0 */
#define QEVM_RAM_MULTIFD_FLUSH	0x200	/* since QEMU 8.0 */

static inline uint16_t get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get_be32(const uint8_t *p)
{
	return (uint32_t)get_be16(p) << 16 | get_be16(p + 2);
}

static inline uint64_t get_be64(const uint8_t *p)
{
	return (uint64_t)get_be32(p) << 32 | get_be32(p + 4);
}

#endif /* STREAM_FORMAT_H */
