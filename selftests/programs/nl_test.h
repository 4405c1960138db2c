/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The netlink family for tests: messages are put together by hand, so that wrong
 * ones can be, too.
 */
#ifndef HUGEPOST_NL_TEST_H
#define HUGEPOST_NL_TEST_H

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "hugepost_test.h"

#include <linux/hugepost_netlink.h>

#define NL_MAX_ATTR	64
#define NL_NO_FD	(-1)

/* A socket of the family. */
struct nl {
	int fd;
	uint32_t seq;
	uint16_t family;
	uint32_t group;
	/* the last refusal */
	char text[256];
	uint32_t bad_offset;	/* of the attribute in the request, 0 if none */
	uint32_t missing;	/* type of an attribute, 0 if none */
};

struct nl_request {
	struct nlmsghdr nlh;
	struct genlmsghdr genl;
	char attrs[1024];
};

/* One message that was received; its attributes point into the buffer. */
struct nl_message {
	struct nlmsghdr *nlh;
	uint8_t cmd;
	struct nlattr *attr[NL_MAX_ATTR];
};

typedef void (*nl_fn)(const struct nl_message *msg, void *arg);

static inline uint64_t nl_u64(const struct nl_message *msg, int attr)
{
	uint64_t value = ~0ULL;

	if (msg->attr[attr] && msg->attr[attr]->nla_len == NLA_HDRLEN + 8)
		memcpy(&value, (char *)msg->attr[attr] + NLA_HDRLEN, 8);
	return value;
}

static inline uint32_t nl_u32(const struct nl_message *msg, int attr)
{
	uint32_t value = ~0U;

	if (msg->attr[attr] && msg->attr[attr]->nla_len == NLA_HDRLEN + 4)
		memcpy(&value, (char *)msg->attr[attr] + NLA_HDRLEN, 4);
	return value;
}

static inline const char *nl_string(const struct nl_message *msg, int attr)
{
	return msg->attr[attr] ? (char *)msg->attr[attr] + NLA_HDRLEN : "";
}

static inline void nl_parse_attrs(struct nlattr **table, char *from, char *end)
{
	memset(table, 0, NL_MAX_ATTR * sizeof(*table));
	while (end - from >= NLA_HDRLEN) {
		struct nlattr *a = (struct nlattr *)from;

		if (a->nla_len < NLA_HDRLEN || a->nla_len > end - from)
			return;
		if ((a->nla_type & NLA_TYPE_MASK) < NL_MAX_ATTR)
			table[a->nla_type & NLA_TYPE_MASK] = a;
		from += NLA_ALIGN(a->nla_len);
	}
}

static inline void nl_begin(struct nl_request *req, uint16_t type, uint8_t cmd,
			    uint16_t flags)
{
	memset(req, 0, sizeof(*req));
	req->nlh.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
	req->nlh.nlmsg_type = type;
	req->nlh.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	req->genl.cmd = cmd;
	req->genl.version = 1;
}

static inline void nl_put(struct nl_request *req, int type, const void *data,
			  size_t len)
{
	struct nlattr *a = (void *)((char *)req + NLMSG_ALIGN(req->nlh.nlmsg_len));

	a->nla_type = type;
	a->nla_len = NLA_HDRLEN + len;
	memcpy((char *)a + NLA_HDRLEN, data, len);
	req->nlh.nlmsg_len = NLMSG_ALIGN(req->nlh.nlmsg_len) +
			     NLA_ALIGN(a->nla_len);
}

static inline void nl_put_u32(struct nl_request *req, int type, uint32_t value)
{
	nl_put(req, type, &value, sizeof(value));
}

static inline void nl_put_u64(struct nl_request *req, int type, uint64_t value)
{
	nl_put(req, type, &value, sizeof(value));
}

static inline void nl_note_error(struct nl *nl, struct nlmsghdr *nlh)
{
	struct nlmsgerr *err = NLMSG_DATA(nlh);
	char *from = (char *)(err + 1), *end = (char *)nlh + nlh->nlmsg_len;
	struct nlattr *table[NL_MAX_ATTR];

	nl->text[0] = 0;
	nl->bad_offset = 0;
	nl->missing = 0;
	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		from += NLMSG_ALIGN(err->msg.nlmsg_len) - NLMSG_HDRLEN;
	nl_parse_attrs(table, from, end);
	if (table[NLMSGERR_ATTR_MSG])
		snprintf(nl->text, sizeof(nl->text), "%s",
			 (char *)table[NLMSGERR_ATTR_MSG] + NLA_HDRLEN);
	if (table[NLMSGERR_ATTR_OFFS])
		memcpy(&nl->bad_offset,
		       (char *)table[NLMSGERR_ATTR_OFFS] + NLA_HDRLEN, 4);
	if (table[NLMSGERR_ATTR_MISS_TYPE])
		memcpy(&nl->missing,
		       (char *)table[NLMSGERR_ATTR_MISS_TYPE] + NLA_HDRLEN, 4);
}

/*
 * Handles one datagram. 1 when an answer ended, 0 if more is to come, -errno of
 * a refusal. *@interrupted is set if a dump was not of one moment.
 */
static inline int nl_receive(struct nl *nl, nl_fn fn, void *arg,
			     bool *interrupted)
{
	static char buf[1 << 17];
	ssize_t len = recv(nl->fd, buf, sizeof(buf), 0);
	struct nlmsghdr *nlh = (struct nlmsghdr *)buf;
	struct nl_message msg;
	int status;

	if (len < 0)
		return -errno;
	for (; NLMSG_OK(nlh, len); nlh = NLMSG_NEXT(nlh, len)) {
		if (interrupted && (nlh->nlmsg_flags & NLM_F_DUMP_INTR))
			*interrupted = true;
		if (nlh->nlmsg_type == NLMSG_ERROR ||
		    nlh->nlmsg_type == NLMSG_DONE) {
			memcpy(&status, NLMSG_DATA(nlh), sizeof(status));
			if (nlh->nlmsg_type == NLMSG_ERROR)
				nl_note_error(nl, nlh);
			return status ? status : 1;
		}
		msg.nlh = nlh;
		msg.cmd = ((struct genlmsghdr *)NLMSG_DATA(nlh))->cmd;
		nl_parse_attrs(msg.attr, (char *)NLMSG_DATA(nlh) + GENL_HDRLEN,
			       (char *)nlh + nlh->nlmsg_len);
		if (fn)
			fn(&msg, arg);
	}
	return 0;
}

/* Sends a request and hands its answers to @fn; 0 or -errno. */
static inline int nl_call(struct nl *nl, struct nl_request *req, nl_fn fn,
			  void *arg, bool *interrupted)
{
	int ret;

	req->nlh.nlmsg_seq = ++nl->seq;
	if (send(nl->fd, req, req->nlh.nlmsg_len, 0) < 0)
		return -errno;
	do {
		ret = nl_receive(nl, fn, arg, interrupted);
	} while (!ret);
	return ret < 0 ? ret : 0;
}

static inline void nl_take_family(const struct nl_message *msg, void *arg)
{
	struct nlattr *groups = msg->attr[CTRL_ATTR_MCAST_GROUPS];
	struct nlattr *group[NL_MAX_ATTR], *field[NL_MAX_ATTR];
	struct nl *nl = arg;

	memcpy(&nl->family,
	       (char *)msg->attr[CTRL_ATTR_FAMILY_ID] + NLA_HDRLEN, 2);
	if (!groups)
		return;
	nl_parse_attrs(group, (char *)groups + NLA_HDRLEN,
		       (char *)groups + groups->nla_len);
	if (!group[1])
		return;
	nl_parse_attrs(field, (char *)group[1] + NLA_HDRLEN,
		       (char *)group[1] + group[1]->nla_len);
	memcpy(&nl->group, (char *)field[CTRL_ATTR_MCAST_GRP_ID] + NLA_HDRLEN,
	       4);
}

/* Finds the family; 0 or -errno. */
static inline int nl_open(struct nl *nl)
{
	struct nl_request req;
	int one = 1;

	memset(nl, 0, sizeof(*nl));
	nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (nl->fd < 0)
		return -errno;
	setsockopt(nl->fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	setsockopt(nl->fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	setsockopt(nl->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one,
		   sizeof(one));
	nl_begin(&req, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0);
	nl_put(&req, CTRL_ATTR_FAMILY_NAME, HUGEPOST_FAMILY_NAME,
	       sizeof(HUGEPOST_FAMILY_NAME));
	return nl_call(nl, &req, nl_take_family, nl, NULL);
}

static inline int nl_join(struct nl *nl)
{
	return setsockopt(nl->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP,
			  &nl->group, sizeof(nl->group)) ? -errno : 0;
}

struct nl_module {
	char version[32];
	uint32_t generation;
	uint32_t objects;
	uint32_t step;
	uint64_t memory;
	uint64_t limit;
	uint64_t reserve;
	uint64_t ready;
	bool filling;
};

static inline void nl_take_module(const struct nl_message *msg, void *arg)
{
	struct nl_module *m = arg;

	snprintf(m->version, sizeof(m->version), "%s",
		 nl_string(msg, HUGEPOST_A_MODULE_VERSION));
	m->generation = nl_u32(msg, HUGEPOST_A_MODULE_GENERATION);
	m->objects = nl_u32(msg, HUGEPOST_A_MODULE_OBJECTS);
	m->step = nl_u32(msg, HUGEPOST_A_MODULE_PROGRESS_STEP);
	m->memory = nl_u64(msg, HUGEPOST_A_MODULE_MEMORY);
	m->limit = nl_u64(msg, HUGEPOST_A_MODULE_LIMIT);
	m->reserve = nl_u64(msg, HUGEPOST_A_MODULE_RESERVE);
	m->ready = nl_u64(msg, HUGEPOST_A_MODULE_RESERVE_READY);
	m->filling = *nl_string(msg, HUGEPOST_A_MODULE_RESERVE_FILLING);
}

/* @device: a descriptor as the proof, or NL_NO_FD. */
static inline int nl_module_get(struct nl *nl, int device, struct nl_module *m)
{
	struct nl_request req;

	nl_begin(&req, nl->family, HUGEPOST_NL_CMD_MODULE_GET, 0);
	if (device >= 0)
		nl_put_u32(&req, HUGEPOST_A_MODULE_DEVICE_FD, device);
	return nl_call(nl, &req, nl_take_module, m, NULL);
}

/* Sets one setting. */
static inline int nl_module_set(struct nl *nl, int attr, uint64_t value)
{
	struct nl_request req;

	nl_begin(&req, nl->family, HUGEPOST_NL_CMD_MODULE_SET, 0);
	if (attr == HUGEPOST_A_MODULE_PROGRESS_STEP)
		nl_put_u32(&req, attr, value);
	else
		nl_put_u64(&req, attr, value);
	return nl_call(nl, &req, NULL, NULL, NULL);
}

/* Sets the reserve, and waits until it has got what can be had. */
static inline int nl_reserve_set(struct nl *nl, uint64_t bytes)
{
	int ret = nl_module_set(nl, HUGEPOST_A_MODULE_RESERVE, bytes);
	struct nl_module m = { .filling = true };

	while (!ret && m.filling) {
		usleep(10000);
		ret = nl_module_get(nl, NL_NO_FD, &m);
	}
	return ret;
}

/*
 * Has the module no other objects and memory than before, at once or within so
 * many milliseconds?
 */
static inline bool nl_all_back(struct nl *nl, const struct nl_module *before,
			       unsigned int ms)
{
	struct nl_module now = {};
	unsigned int i;

	for (i = 0; i < 2 * ms; i++) {
		if (nl_module_get(nl, NL_NO_FD, &now))
			return false;
		if (now.objects == before->objects &&
		    now.memory == before->memory)
			return true;
		usleep(500);
	}
	fprintf(stderr, "# %u objects with %llu bytes, %u with %llu before\n",
		now.objects, (unsigned long long)now.memory, before->objects,
		(unsigned long long)before->memory);
	return false;
}

static inline int nl_object_get(struct nl *nl, uint64_t id, nl_fn fn, void *arg)
{
	struct nl_request req;

	nl_begin(&req, nl->family, HUGEPOST_NL_CMD_OBJECT_GET, 0);
	nl_put_u64(&req, HUGEPOST_A_OBJECT_ID, id);
	return nl_call(nl, &req, fn, arg, NULL);
}

static inline int nl_object_dump(struct nl *nl, int device, nl_fn fn, void *arg)
{
	struct nl_request req;

	nl_begin(&req, nl->family, HUGEPOST_NL_CMD_OBJECT_GET, NLM_F_DUMP);
	if (device >= 0)
		nl_put_u32(&req, HUGEPOST_A_OBJECT_DEVICE_FD, device);
	return nl_call(nl, &req, fn, arg, NULL);
}

#define NL_MAP_CELLS	4096

/* Cells of an object, from @first on. */
struct nl_map {
	uint64_t host_pages, per_cell;
	uint32_t first, cells;
	uint32_t assembling[NL_MAP_CELLS], present[NL_MAP_CELLS], zero[NL_MAP_CELLS];
};

static inline uint32_t nl_take_cells(const struct nlattr *attr, uint32_t *to)
{
	uint32_t len = attr ? attr->nla_len - NLA_HDRLEN : 0;

	memcpy(to, (char *)attr + NLA_HDRLEN, len);
	return len / sizeof(*to);
}

static inline void nl_take_map(const struct nl_message *msg, void *arg)
{
	struct nl_map *map = arg;

	map->host_pages = nl_u64(msg, HUGEPOST_A_MAP_HOST_PAGES);
	map->per_cell = nl_u64(msg, HUGEPOST_A_MAP_HOST_PAGES_PER_CELL);
	map->first = nl_u32(msg, HUGEPOST_A_MAP_FIRST_CELL);
	map->cells = nl_take_cells(msg->attr[HUGEPOST_A_MAP_ASSEMBLING],
				   map->assembling);
	nl_take_cells(msg->attr[HUGEPOST_A_MAP_PRESENT], map->present);
	nl_take_cells(msg->attr[HUGEPOST_A_MAP_ZERO], map->zero);
}

/* Of @cells cells, those from @first on. */
static inline int nl_map_get(struct nl *nl, uint64_t id, uint32_t cells,
			     uint32_t first, struct nl_map *map)
{
	struct nl_request req;

	memset(map, 0xff, sizeof(*map));
	nl_begin(&req, nl->family, HUGEPOST_NL_CMD_MAP_GET, 0);
	nl_put_u64(&req, HUGEPOST_A_MAP_OBJECT, id);
	nl_put_u32(&req, HUGEPOST_A_MAP_CELLS, cells);
	if (first)
		nl_put_u32(&req, HUGEPOST_A_MAP_FIRST_CELL, first);
	return nl_call(nl, &req, nl_take_map, map, NULL);
}

static inline uint64_t hp_id(int fd)
{
	struct hugepost_stats stats = { .size = sizeof(stats) };

	return hp_call(fd, HUGEPOST_STATS, &stats) ? 0 : stats.out_id;
}

#endif /* HUGEPOST_NL_TEST_H */
