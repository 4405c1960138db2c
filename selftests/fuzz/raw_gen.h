/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Makes raw calls up: good ones, with garbage in some places.
 */
#ifndef HUGEPOST_RAW_GEN_H
#define HUGEPOST_RAW_GEN_H
#include <stddef.h>

#include "raw_area.h"

#define RAW_BATCH	16	/* entries of a FILL that are made up */
#define RAW_STRIDE	128	/* of one: of longer ones the first is made up */
#define RAW_NOWHERE	0x100000000000UL	/* where nothing is mapped */

#define RAW_VERB(_name, _lower, _first, _out, _end, _flags, ...)               \
	{                                                                      \
		.name = #_name,                                                \
		.cmd = HUGEPOST_##_name,                                       \
		.first = _first,                                               \
		.size = sizeof(struct hugepost_##_lower),                      \
		.out = _out,                                                   \
		.out_end = _end,                                               \
		.flags = _flags,                                               \
		.errors = { __VA_ARGS__ },                                     \
	}

/* Of one number each; EINVAL, E2BIG, EOPNOTSUPP and EFAULT go without saying. */
static const struct raw_verb raw_verbs[] = {
	RAW_VERB(INFO, info, 40, 8, 48, 0, 0),
	RAW_VERB(SETUP, setup, 40, 32, 40, 7, EBUSY, ENOMEM, EINTR),
	RAW_VERB(ARM, arm, 16, 8, 12, 1, ENXIO, EBUSY, EMFILE, ENFILE, ENOMEM),
	RAW_VERB(DISARM, disarm, 8, 8, 8, 0, ENXIO),
	RAW_VERB(FILL, fill, 48, 24, 48, 0, ENXIO, EBUSY, ECANCELED, ENOENT, ERANGE,
		 ENOMEM, EINTR),
	RAW_VERB(INSTALL, install, 40, 24, 40, 0, ENXIO, EINTR),
	RAW_VERB(RESET, reset, 16, 16, 16, 0, ENXIO, ENOENT),
	RAW_VERB(DISCARD, discard, 32, 24, 32, 0, ENXIO, ERANGE, ENOMEM, EINTR),
	RAW_VERB(BITMAP, bitmap, 40, 32, 40, 0, ENXIO, ERANGE, EINTR),
	RAW_VERB(WAKE, wake, 24, 24, 24, 0, ENXIO, ERANGE),
	RAW_VERB(COLLAPSE, collapse, 40, 24, 40, 0, ENXIO, EINTR),
	RAW_VERB(STATS, stats, 184, 24, 184, 0, EMSGSIZE),
	RAW_VERB(TRIM, trim, 32, 24, 32, 0, ENXIO, ERANGE, EINTR),
};

/* FILL and DISCARD are asked for more often, what waits for RCU less. */
static const unsigned char raw_often[] = {
	4, 4, 4, 4, 7, 7, 8, 8, 9, 5, 10, 11, 11, 0, 1, 2, 3, 6,
	12, 12,
};

static inline uint64_t raw_wide(struct raw_tape *t)
{
	uint64_t value = 0;
	int i;

	for (i = 0; i < 8; i++)
		value = value << 8 | raw_byte(t);
	return value;
}

/*
 * A number that is worth a try. None that makes sense as an amount of memory is
 * large: the machine would be out of it.
 */
static inline uint64_t raw_number(struct raw_tape *t)
{
	uint64_t small = raw_byte(t);

	switch (raw_byte(t) % 12) {
	case 0:
		return small;
	case 1:
		return small * TP;
	case 2:
		return RAW_PAGES * TP + (small % 5 - 2) * TP;
	case 3:
		return -small;
	case 4:
		return -small * TP;
	case 5:
		return (small % 8) * HP;
	case 6:
		return (1ULL << 46) + (small % 3 - 1) * HP;
	case 7:
		return small * TP + 1 + small % 4095;
	case 8:
		return 1ULL << 63 | small * TP;
	case 9:
		return UINT32_MAX + small - 128;
	case 10:
		return INT64_MAX - small * TP;
	default:
		return raw_wide(t) | 1;
	}
}

/* The plain choice of @nr, or any number. */
static inline uint64_t raw_below(struct raw_tape *t, unsigned int nr)
{
	return raw_rarely(t, 16) ? raw_number(t) : raw_byte(t) % nr;
}

static inline uint64_t raw_page_offset(struct raw_tape *t)
{
	if (raw_rarely(t, 16))
		return raw_number(t);
	/* Some pages are hit often. */
	if (raw_rarely(t, 3))
		return (raw_byte(t) % 4) * HP;
	return (raw_byte(t) % 8 * (SUBS / 2) + raw_byte(t) % 4) * TP;
}

static inline uint64_t raw_length(struct raw_tape *t)
{
	if (raw_rarely(t, 16))
		return raw_number(t);
	if (raw_rarely(t, 4))
		return (1 + raw_byte(t) % 2) * HP;
	return (1 + raw_byte(t) % 4) * TP;
}

/* An address for @len bytes: good or bad memory, or an object's. */
static inline uintptr_t raw_place(struct raw_world *w, struct raw_tape *t, size_t len)
{
	unsigned int choice = raw_byte(t) % 24, page = raw_byte(t);
	uintptr_t area = (uintptr_t)w->area;
	size_t back = len / 2 & ~7UL;

	switch (choice) {
	case 12:
	case 13:
	case 14: /* an object's page, or the end of one */
		return (uintptr_t)w->mem[0] + page % 8 * (SUBS / 2) * TP +
		       page / 8 % 4 * TP + (choice == 14 ? TP - back : 0);
	case 15:
	case 16:
		return (uintptr_t)w->mem[1] + page % 4 * (SUBS / 2) * TP +
		       page / 4 % 4 * TP + (choice == 16 ? TP - back : 0);
	case 17:
		return area + RAW_AREA_READ * TP + page % 2 * 256;
	case 18:
		return area + RAW_AREA_NONE * TP - (page % 2 ? back : 0);
	case 19:
		return area + RAW_AREA_HOLE * TP - (page % 2 ? back : 0);
	case 20:
		return area + RAW_AREA_EOF * TP + page % 2 * 8;
	case 21: /* from good memory into what is read-only */
		return area + RAW_AREA_READ * TP - back;
	case 22:
		switch (page % 6) {
		case 0: return 0;
		case 1: return RAW_NOWHERE;
		case 2: return -(uintptr_t)8;
		case 3: return 0xffff888000000000;
		case 4: return 0x800000000000;
		default: return 0x7ffffffff000;
		}
	case 23:
		return area + page; /* not aligned, over others */
	default:
		return area + choice % 4 * TP + page % 8 * 256;
	}
}

static inline void raw_may_write(struct raw_call *c, uintptr_t start, size_t len)
{
	c->may[c->nr_may++] = (struct raw_range){ .start = start, .len = len };
}

/* The size of an entry, or of an event. */
static inline uint32_t raw_element_size(struct raw_tape *t)
{
	static const uint16_t sizes[] = { 32, 40, 64, RAW_STRIDE, TP, 24, 36 };

	if (!raw_rarely(t, 4))
		return 0;
	return raw_rarely(t, 8) ? raw_number(t) :
				  sizes[raw_byte(t) % ARRAY_SIZE(sizes)];
}

static inline void raw_make_entries(struct raw_world *w, struct raw_tape *t,
				    struct hugepost_fill *arg)
{
	struct hugepost_fill_entry e[RAW_BATCH] = {};
	char all[RAW_BATCH * RAW_STRIDE] = {};
	size_t size = sizeof(e[0]);
	unsigned int i;

	arg->entry_size = raw_element_size(t);
	if (arg->entry_size > size)
		size = arg->entry_size;
	arg->nr = raw_rarely(t, 24) ? raw_number(t) : 1 + raw_byte(t) % 8;
	arg->entries = raw_place(w, t, size * arg->nr % TP);
	for (i = 0; i < RAW_BATCH && i < arg->nr; i++) {
		e[i].offset = i && !raw_rarely(t, 2) ?
			      e[i - 1].offset + e[i - 1].len : raw_page_offset(t);
		e[i].len = raw_length(t);
		e[i].flags = raw_below(t, 4);
		if (!(e[i].flags & HUGEPOST_FILL_ZERO) || raw_rarely(t, 16))
			e[i].src = raw_place(w, t, e[i].len) & -8;
		if (raw_rarely(t, 32))
			e[i].__reserved = raw_number(t);
		if (i * size > sizeof(all) - RAW_STRIDE)
			break;
		memcpy(all + i * size, &e[i], sizeof(e[i]));
		if (size <= RAW_STRIDE && raw_rarely(t, 32))
			all[i * size + size - 1] = 1;
	}
	raw_put(w, arg->entries, all, size <= RAW_STRIDE ? i * size : sizeof(e[0]),
		raw_byte(t) % 2);
}

static inline uint64_t raw_mapped(struct raw_world *w, struct raw_tape *t)
{
	unsigned int obj = raw_byte(t) % 2;

	return raw_rarely(t, 8) ? raw_place(w, t, TP) :
	       (uintptr_t)w->mem[obj] + raw_page_offset(t) % w->length[obj];
}

static inline void raw_make_setup(struct raw_tape *t, struct hugepost_setup *arg)
{
	arg->flags = raw_below(t, 8);
	arg->length = raw_rarely(t, 4) ? raw_number(t) : (1 + raw_byte(t) % 4) * HP;
	arg->host_shift = raw_rarely(t, 8) ? raw_below(t, 24) : 0;
	arg->target_shift = raw_rarely(t, 8) ? raw_below(t, 24) : 0;
	arg->channels = raw_below(t, 4);
	arg->node = arg->flags & HUGEPOST_SETUP_NODE ? raw_below(t, 2) : 0;
	/* Of zeros an object can be huge, of memory it must not be. */
	if (arg->length > 16 * HP)
		arg->flags &= ~HUGEPOST_SETUP_PREALLOC;
}

static inline void raw_make_bitmap(struct raw_world *w, struct raw_tape *t,
				   struct hugepost_bitmap *arg, struct raw_call *c)
{
	arg->offset = raw_rarely(t, 8) ? raw_number(t) : raw_byte(t) % 4 * HP;
	arg->length = raw_length(t);
	arg->bitmap = raw_place(w, t, 64);
	if (arg->length <= RAW_PAGES * TP)
		raw_may_write(c, arg->bitmap, (arg->length / TP + 63) / 64 * 8);
}

static inline void raw_make_stats(struct raw_world *w, struct raw_tape *t,
				  struct hugepost_stats *arg, struct raw_call *c)
{
	if (!raw_rarely(t, 2))
		return;
	arg->channels = raw_place(w, t, 256);
	arg->nr_channels = 2 + raw_below(t, 3);
	arg->channel_size = raw_rarely(t, 3) ? raw_number(t) :
				sizeof(struct hugepost_channel_stats);
	if (arg->channel_size <= TP) /* of as many as any object here has */
		raw_may_write(c, arg->channels,
			      (size_t)(c->obj == 2 ? 64 : 2) * arg->channel_size);
}

/* The argument of a verb, in @u, but for its size. */
static inline void raw_make_argument(struct raw_world *w, struct raw_tape *t,
				     struct raw_call *c, void *u)
{
	struct hugepost_discard *range = u; /* and WAKE's, and INSTALL's */
	struct hugepost_reset *reset = u;
	struct hugepost_fill *fill = u;
	struct hugepost_arm *arm = u;

	switch (c->verb->cmd) {
	case HUGEPOST_SETUP:
		raw_make_setup(t, u);
		break;
	case HUGEPOST_ARM:
		arm->flags = raw_byte(t) % 2;
		arm->event_size = raw_element_size(t);
		break;
	case HUGEPOST_FILL:
		raw_make_entries(w, t, u);
		fill->channel = raw_below(t, 2);
		break;
	case HUGEPOST_RESET:
		reset->channel = raw_below(t, 2);
		reset->__reserved = raw_rarely(t, 16) ? raw_number(t) : 0;
		break;
	case HUGEPOST_DISCARD:
	case HUGEPOST_TRIM:
	case HUGEPOST_WAKE:
		range->offset = raw_page_offset(t);
		range->length = raw_length(t);
		break;
	case HUGEPOST_INSTALL:
	case HUGEPOST_COLLAPSE:
		range->offset = raw_mapped(w, t);
		range->length = raw_length(t);
		break;
	case HUGEPOST_BITMAP:
		raw_make_bitmap(w, t, u, c);
		break;
	case HUGEPOST_STATS:
		raw_make_stats(w, t, u, c);
		break;
	}
	if (raw_rarely(t, 24))
		((uint32_t *)u)[1] = 1U << raw_byte(t) % 32;
}

static inline uint32_t raw_size_of(struct raw_tape *t, char *buf, uint32_t size)
{
	if (!raw_rarely(t, 10))
		return size;
	switch (raw_byte(t) % 6) {
	case 0:
		return raw_byte(t) % size;
	case 1:
		return size + 1 + raw_byte(t);
	case 2: /* with something in its unknown part */
		buf[size + raw_byte(t)] = 1;
		return size + 1 + raw_byte(t);
	case 3:
		return TP;
	case 4:
		return TP + 1;
	default:
		return raw_number(t);
	}
}

static inline void raw_make_ioctl(struct raw_world *w, struct raw_tape *t,
				  struct raw_call *c)
{
	_Alignas(8) char buf[1024] = {};
	uint32_t size, put;
	unsigned int i;

	c->kind = RAW_IOCTL;
	c->verb = &raw_verbs[raw_often[raw_byte(t) % ARRAY_SIZE(raw_often)]];
	c->cmd = c->verb->cmd;
	c->obj = c->verb->cmd == HUGEPOST_SETUP ? 2 : raw_byte(t) % 2;
	if (raw_rarely(t, 16))
		c->obj = raw_byte(t) % 3;
	c->fd = w->fd[c->obj];
	for (i = c->verb->out; i < c->verb->out_end; i++)
		buf[i] = 0x5a;
	raw_make_argument(w, t, c, buf);

	size = raw_size_of(t, buf, c->verb->size);
	memcpy(buf, &size, sizeof(size));
	c->arg = raw_place(w, t, c->verb->size);
	put = size < sizeof(buf) ? size : c->verb->size;
	raw_put(w, c->arg, buf, put < 8 ? 8 : put, raw_byte(t) % 2);
	if (raw_object_at(w, c->arg) >= 0) /* it may be an older one */
		raw_may_write(c, (uintptr_t)w->area, RAW_AREA_PAGES * TP);
	else if (size >= c->verb->first && size <= TP)
		raw_may_write(c, c->arg + c->verb->out,
			      c->verb->out_end - c->verb->out);

	if (!raw_rarely(t, 32))
		return;
	/* No number of ours, or no object of ours. */
	c->verb = NULL;
	c->nr_may = 0;
	if (raw_byte(t) % 2 && w->efd[0] >= 0)
		c->fd = w->efd[0];
	else
		c->cmd ^= 1U << (8 + raw_byte(t) % 24);
}

static inline void raw_put_attribute(struct raw_world *w, struct raw_tape *t,
				     struct nl_request *req)
{
	unsigned int type = raw_byte(t) % 36;
	unsigned char data[64];
	uint64_t value = raw_number(t);
	size_t len, i;

	switch (raw_byte(t) % 8) {
	case 0:
	case 1: /* device-fd of all sets */
		type = 2;
		value = w->fd[raw_byte(t) % 3];
		len = 4;
		break;
	case 2:
	case 3: /* an object's number */
		type = 3;
		value = w->id[raw_byte(t) % 3];
		len = 8;
		break;
	case 4:
		type = 4;
		value = 1 + raw_byte(t);
		len = 4;
		break;
	case 5:
		len = 4 + 4 * (raw_byte(t) % 2);
		break;
	default:
		len = raw_byte(t) % sizeof(data);
	}
	for (i = 0; i < sizeof(data); i++)
		data[i] = i < 8 ? value >> (8 * i) : i;
	if (raw_rarely(t, 12))
		type |= raw_byte(t) << 8; /* nested, or of network byte order */
	if (raw_rarely(t, 12)) { /* attributes in an attribute */
		const struct nlattr inner = { .nla_len = raw_byte(t),
					      .nla_type = raw_byte(t) % 8 };

		memcpy(data, &inner, sizeof(inner));
		len = sizeof(data);
	}
	nl_put(req, type, data, len);
	if (raw_rarely(t, 16)) { /* shorter or longer than it says */
		struct nlattr *a = (void *)((char *)req + req->nlh.nlmsg_len -
					    NLA_ALIGN(NLA_HDRLEN + len));

		a->nla_len = raw_rarely(t, 2) ? raw_number(t) : raw_byte(t);
	}
}

static inline void raw_make_netlink(struct raw_world *w, struct raw_tape *t,
				    struct raw_call *c)
{
	struct nl_request *req = &c->message;
	unsigned int i, nr;

	c->kind = RAW_NETLINK;
	nl_begin(req, w->nl.family, 1 + raw_byte(t) % 5,
		 raw_byte(t) % 2 ? NLM_F_DUMP : 0);
	if (raw_rarely(t, 8))
		req->genl.cmd = raw_byte(t);
	if (raw_rarely(t, 8))
		req->nlh.nlmsg_flags = raw_number(t) | NLM_F_REQUEST;
	if (raw_rarely(t, 16))
		req->nlh.nlmsg_type = raw_byte(t) % NLMSG_MIN_TYPE;
	if (raw_rarely(t, 16))
		req->genl.reserved = raw_number(t);
	nr = raw_byte(t) % 5;
	for (i = 0; i < nr; i++)
		raw_put_attribute(w, t, req);
	c->len = req->nlh.nlmsg_len;
	if (raw_rarely(t, 12))
		c->len = 1 + raw_byte(t) % c->len;
	if (raw_rarely(t, 12))
		req->nlh.nlmsg_len = raw_rarely(t, 2) ? raw_number(t) : raw_byte(t);
	c->cmd = (unsigned long)req->nlh.nlmsg_flags << 32 |
		 req->nlh.nlmsg_type << 16 | req->genl.cmd; /* to be told of */
}

static inline void raw_make_mmap(struct raw_world *w, struct raw_tape *t,
				 struct raw_call *c)
{
	c->kind = RAW_MMAP;
	c->obj = raw_byte(t) % 3;
	c->fd = w->fd[c->obj];
	c->len = raw_length(t);
	c->offset = raw_page_offset(t);
	c->prot = raw_rarely(t, 8) ? raw_number(t) : PROT_READ | PROT_WRITE;
	c->flags = MAP_SHARED;
	if (raw_rarely(t, 8)) /* but not at an address, or locked */
		c->flags = raw_number(t) & ~(MAP_FIXED | MAP_FIXED_NOREPLACE |
					 MAP_LOCKED | MAP_GROWSDOWN);
}

static inline void raw_make(struct raw_world *w, struct raw_tape *t, struct raw_call *c)
{
	memset(c, 0, sizeof(*c));
	memset(w->image, 0, sizeof(w->image));
	switch (raw_byte(t) % 16) {
	case 12:
	case 13:
		raw_make_netlink(w, t, c);
		break;
	case 14:
		c->kind = RAW_READ;
		c->obj = raw_byte(t) % 2;
		c->fd = w->efd[c->obj];
		c->len = raw_rarely(t, 4) ? raw_number(t) % (2 * TP) :
			 sizeof(struct hugepost_event) * (1 + raw_byte(t) % 8);
		c->arg = raw_place(w, t, c->len);
		raw_may_write(c, c->arg, c->len);
		break;
	case 15:
		raw_make_mmap(w, t, c);
		break;
	default:
		raw_make_ioctl(w, t, c);
	}
}

#endif /* HUGEPOST_RAW_GEN_H */
