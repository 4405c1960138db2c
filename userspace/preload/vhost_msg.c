// SPDX-License-Identifier: GPL-2.0-only
/*
 * libhugepost-preload: messages of vhost-user, as docs/interop/vhost-user of QEMU has
 * them, and what a postcopy of hugepost makes of them.
 *
 * QEMU and a back end take turns: a request that has a reply is followed by none
 * before that is there. But for the tables of memory: QEMU writes one for a
 * connection, and waits for a reply for each of its devices (versions 2.12 to 11).
 * For such a connection there is always one reply of the back end on its way, the
 * "spare" one, which becomes the table again for a device that waits without having
 * asked.
 */
#include <stdlib.h>
#include <string.h>

#include "vhost.h"

enum {
	NONE = 0,
	GET_FEATURES = 1,
	SET_MEM_TABLE = 5,
	SET_LOG_BASE = 6,
	GET_VRING_BASE = 11,
	GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16,
	GET_QUEUE_NUM = 17,
	GET_CONFIG = 24,
	CREATE_CRYPTO_SESSION = 26,
	POSTCOPY_ADVISE = 28,
	POSTCOPY_LISTEN = 29,
	POSTCOPY_END = 30,
	GET_INFLIGHT_FD = 31,
	GET_MAX_MEM_SLOTS = 36,
	ADD_MEM_REG = 37,
	REM_MEM_REG = 38,
	GET_STATUS = 40,
	GET_SHARED_OBJECT = 41,
	SET_DEVICE_STATE_FD = 42,
	CHECK_DEVICE_STATE = 43,
};

#define VERSION			1u
#define VERSION_MASK		3u
#define REPLY			4u
#define NEED_REPLY		8u

#define F_REPLY_ACK		(1ULL << 3)
#define F_PAGEFAULT		(1ULL << 8)

#define REGION			32
#define REGIONS_MAX		8
/* Regions of a guest that are told of one by one. */
#define TABLES_MAX		512

struct header {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
};

_Static_assert(sizeof(struct header) == HPS_VHOST_HEADER, "a header of the protocol");

static struct header header_of(const void *data)
{
	struct header h;

	memcpy(&h, data, sizeof(h));
	return h;
}

static uint64_t number_of(const void *data)
{
	uint64_t value;

	memcpy(&value, (const uint8_t *)data + HPS_VHOST_HEADER, sizeof(value));
	return value;
}

static void put(struct hps_vhost_reply *out, uint32_t request, uint32_t flags, const void *payload,
		uint32_t size)
{
	const struct header h = { .request = request, .flags = flags, .size = size };

	memcpy(out->bytes, &h, sizeof(h));
	if (size)
		memcpy(out->bytes + sizeof(h), payload, size);
	out->len = sizeof(h) + size;
}

static void put_number(struct hps_vhost_reply *out, uint32_t request, uint32_t flags,
		       uint64_t value)
{
	put(out, request, flags, &value, sizeof(value));
}

static void copy(struct hps_vhost_reply *out, const void *data, size_t len)
{
	memcpy(out->bytes, data, len);
	out->len = len;
}

void hps_vhost_ping(struct hps_vhost_reply *out)
{
	put(out, GET_FEATURES, VERSION, NULL, 0);
}

bool hps_vhost_begins(const void *data, size_t len)
{
	struct header h;

	if (len != sizeof(h))
		return false;
	h = header_of(data);
	return h.request == GET_FEATURES && h.flags == VERSION && !h.size;
}

bool hps_vhost_is_advise(const void *data, size_t len)
{
	return len == sizeof(struct header) && header_of(data).request == POSTCOPY_ADVISE;
}

static bool is_number(const struct header *h, uint32_t request)
{
	return h->request == request && h->flags == (VERSION | REPLY) &&
	       h->size == sizeof(uint64_t);
}

bool hps_vhost_is_begun(const void *data, size_t len)
{
	struct header h;

	if (len < sizeof(h))
		return false;
	h = header_of(data);
	return is_number(&h, GET_FEATURES);
}

void hps_vhost_free(struct hps_vhost *v)
{
	free(v->tables);
	v->tables = NULL;
	v->nr_tables = 0;
}

/* What is not understood goes through, and so does all that follows. */
static enum hps_vhost_verdict give_up(struct hps_vhost *v)
{
	v->lost = true;
	v->expect = HPS_EXPECT_ANY;
	return HPS_VHOST_PASS;
}

/* A spare reply that nobody is going to ask for. */
static void drop_spare(struct hps_vhost *v)
{
	if (v->spare)
		v->stale++;
	v->spare = false;
}

static enum hps_vhost_verdict ask(struct hps_vhost *v, enum hps_vhost_expect expect,
				  uint32_t request, struct hps_vhost_reply *out)
{
	drop_spare(v);
	v->awaited = false;
	v->expect = expect;
	v->request = request;
	hps_vhost_ping(out);
	return HPS_VHOST_SEND;
}

/* A table, or a region, that QEMU wants to know the back end's addresses of. */
static enum hps_vhost_verdict table(struct hps_vhost *v, const void *data, size_t len,
				    struct hps_vhost_reply *out)
{
	struct header h = header_of(data);
	struct hps_vhost_reply *tables;

	if (v->table_ended || h.request == SET_MEM_TABLE)
		v->nr_tables = 0;
	v->table_ended = false;
	v->next_table = 0;
	if (v->nr_tables >= TABLES_MAX)
		return give_up(v);
	tables = realloc(v->tables, (v->nr_tables + 1) * sizeof(*tables));
	if (!tables)
		return give_up(v);
	v->tables = tables;
	copy(&tables[v->nr_tables], data, len);
	h.flags = VERSION | REPLY;
	memcpy(tables[v->nr_tables].bytes, &h, sizeof(h));
	v->nr_tables++;

	drop_spare(v);
	v->awaited = false;
	v->expect = HPS_EXPECT_TABLE;
	v->request = h.request;
	copy(out, data, len);
	if (v->acks) {
		h.flags = VERSION | NEED_REPLY;
		memcpy(out->bytes, &h, sizeof(h));
	}
	return HPS_VHOST_SEND;
}

/* QEMU has heard where the back end has its memory: that was not the back end. */
static enum hps_vhost_verdict acknowledged(struct hps_vhost *v, struct hps_vhost_reply *out)
{
	v->table_ended = true;
	v->next_table = 0;
	v->awaited = false;
	out->len = 0;
	if (v->advised > 1 && v->nr_tables && !v->spare) {
		v->spare = true;
		hps_vhost_ping(out);
	}
	return HPS_VHOST_SWALLOW;
}

static bool is_table(const struct header *h, const void *data)
{
	uint32_t nr;

	if (h->size < 2 * sizeof(nr) + REGION)
		return false;
	memcpy(&nr, (const uint8_t *)data + HPS_VHOST_HEADER, sizeof(nr));
	return nr && nr <= REGIONS_MAX && h->size == 2 * sizeof(nr) + nr * REGION;
}

/* A message about memory while the guest's is not there yet. */
static enum hps_vhost_verdict memory(struct hps_vhost *v, const struct header *h,
				     const void *data, size_t len, struct hps_vhost_reply *out)
{
	if (h->size == sizeof(uint64_t))
		return acknowledged(v, out);
	if (h->request == SET_MEM_TABLE && is_table(h, data))
		return table(v, data, len, out);
	if (h->request == ADD_MEM_REG && h->size == sizeof(uint64_t) + REGION)
		return table(v, data, len, out);
	return HPS_VHOST_PASS;
}

static bool has_reply(const struct header *h)
{
	switch (h->request) {
	case GET_FEATURES:
	case SET_LOG_BASE:
	case GET_VRING_BASE:
	case GET_PROTOCOL_FEATURES:
	case GET_QUEUE_NUM:
	case GET_CONFIG:
	case CREATE_CRYPTO_SESSION:
	case POSTCOPY_ADVISE:
	case GET_INFLIGHT_FD:
	case GET_MAX_MEM_SLOTS:
	case GET_STATUS:
	case GET_SHARED_OBJECT:
	case SET_DEVICE_STATE_FD:
	case CHECK_DEVICE_STATE:
		return true;
	default:
		return h->flags & NEED_REPLY;
	}
}

/* All other messages are the program's and the back end's. */
static enum hps_vhost_verdict other(struct hps_vhost *v, const struct header *h)
{
	v->awaited = has_reply(h);
	v->passing = 0;
	if (v->awaited)
		drop_spare(v);
	return HPS_VHOST_PASS;
}

static enum hps_vhost_verdict ended(struct hps_vhost *v, struct hps_vhost_reply *out)
{
	if (!--v->advised) {
		v->listening = false;
		v->nr_tables = 0;
	}
	return ask(v, HPS_EXPECT_END, POSTCOPY_END, out);
}

static enum hps_vhost_verdict agreed(struct hps_vhost *v, const struct header *h,
				     const void *data, struct hps_vhost_reply *out)
{
	uint64_t features = number_of(data);

	v->acks = features & F_REPLY_ACK;
	other(v, h);
	if (!v->unoffered || !(features & F_PAGEFAULT))
		return HPS_VHOST_PASS;
	put_number(out, h->request, h->flags, features & ~F_PAGEFAULT);
	return HPS_VHOST_SEND;
}

enum hps_vhost_verdict hps_vhost_out(struct hps_vhost *v, const void *data, size_t len, bool refuse,
				     struct hps_vhost_reply *out)
{
	struct header h;

	if (v->lost)
		return HPS_VHOST_PASS;
	if (len < sizeof(h))
		return give_up(v);
	h = header_of(data);
	/* A message is written whole; and replies are not the program's to write. */
	if ((h.flags & (VERSION_MASK | REPLY)) != VERSION || len - sizeof(h) != h.size)
		return give_up(v);
	v->expect = HPS_EXPECT_ANY;

	switch (h.request) {
	case GET_PROTOCOL_FEATURES:
		other(v, &h);
		if (v->mode != HPS_VHOST_ANY)
			return HPS_VHOST_PASS;
		v->expect = HPS_EXPECT_PROTOCOL;
		v->awaited = false;
		return HPS_VHOST_PASS;
	case SET_PROTOCOL_FEATURES:
		if (h.size == sizeof(uint64_t))
			return agreed(v, &h, data, out);
		break;
	case POSTCOPY_ADVISE:
		if (h.size)
			break;
		if (refuse)
			return ask(v, HPS_EXPECT_REFUSAL, h.request, out);
		v->advised++;
		return ask(v, HPS_EXPECT_ADVISE, h.request, out);
	case POSTCOPY_LISTEN:
		if (h.size || !v->advised)
			break;
		v->listening = true;
		return ask(v, HPS_EXPECT_END, h.request, out);
	case POSTCOPY_END:
		if (h.size || !v->advised)
			break;
		return ended(v, out);
	case NONE:
	case SET_MEM_TABLE:
	case ADD_MEM_REG:
	case REM_MEM_REG:
		/* With NEED_REPLY it is of a device that has ended its postcopy. */
		if (v->listening && !(h.flags & NEED_REPLY) && len <= HPS_VHOST_MAX) {
			enum hps_vhost_verdict ret = memory(v, &h, data, len, out);

			if (ret != HPS_VHOST_PASS)
				return ret;
		}
		break;
	default:
		break;
	}
	return other(v, &h);
}

bool hps_vhost_reads(const struct hps_vhost *v)
{
	return v->stale || v->expect != HPS_EXPECT_ANY || (v->spare && !v->awaited);
}

size_t hps_vhost_length(const void *data, size_t len)
{
	struct header h;

	if (len < sizeof(h))
		return sizeof(h);
	h = header_of(data);
	/* One that is longer is none of those that are adapted. */
	return h.size <= HPS_VHOST_MAX - sizeof(h) ? sizeof(h) + h.size : sizeof(h);
}

/* A device waits for a table that was written for another one. */
static void answer_again(struct hps_vhost *v, struct hps_vhost_reply *out)
{
	*out = v->tables[v->next_table];
	v->next_table = (v->next_table + 1) % v->nr_tables;
}

static void protocol(struct hps_vhost *v, const void *data, struct hps_vhost_reply *out)
{
	uint64_t features = number_of(data);

	v->unoffered = !(features & F_PAGEFAULT);
	put_number(out, GET_PROTOCOL_FEATURES, VERSION | REPLY, features | F_PAGEFAULT);
}

void hps_vhost_in(struct hps_vhost *v, const void *data, size_t len, struct hps_vhost_reply *out,
		  bool *advise)
{
	const enum hps_vhost_expect expect = v->expect;
	struct header h = header_of(data);
	bool pong = is_number(&h, GET_FEATURES) && len == sizeof(h) + sizeof(uint64_t);

	*advise = false;
	out->len = 0;
	if (v->stale && pong) {
		v->stale--;
		return;
	}
	copy(out, data, len);
	v->expect = HPS_EXPECT_ANY;
	switch (expect) {
	case HPS_EXPECT_PROTOCOL:
		if (is_number(&h, GET_PROTOCOL_FEATURES))
			protocol(v, data, out);
		return;
	case HPS_EXPECT_ADVISE:
	case HPS_EXPECT_REFUSAL:
		if (!pong)
			return;
		put(out, POSTCOPY_ADVISE, VERSION | REPLY, NULL, 0);
		*advise = expect == HPS_EXPECT_ADVISE;
		return;
	case HPS_EXPECT_END:
		if (pong)
			put_number(out, v->request, VERSION | REPLY, 0);
		return;
	case HPS_EXPECT_TABLE:
		/* An error goes on as it is, and is one to the program as well. */
		if (v->nr_tables && (v->acks ? is_number(&h, v->request) && !number_of(data) :
					       pong))
			*out = v->tables[v->nr_tables - 1];
		return;
	case HPS_EXPECT_ANY:
		if (v->spare && !v->awaited && pong && v->nr_tables) {
			v->spare = false;
			answer_again(v, out);
		}
		return;
	}
}

/*
 * A postcopy whose back end is gone comes to its end without: its source is stopped
 * already, and the guest is better off without a device, which may come back, than
 * lost.
 */
bool hps_vhost_gone(struct hps_vhost *v, struct hps_vhost_reply *out)
{
	if (v->expect != HPS_EXPECT_END)
		return false;
	v->expect = HPS_EXPECT_ANY;
	v->stale = 0;
	v->spare = false;
	put_number(out, v->request, VERSION | REPLY, 0);
	return true;
}

bool hps_vhost_passed(struct hps_vhost *v, const void *data, size_t len)
{
	if (!v->awaited)
		return false;
	if (v->passing) {
		v->passing -= len < v->passing ? len : v->passing;
	} else if (len == HPS_VHOST_HEADER) {
		v->passing = header_of(data).size;
	} else {
		return false;
	}
	if (v->passing)
		return false;
	v->awaited = false;
	if (!v->listening || v->advised < 2 || !v->table_ended || v->spare || !v->nr_tables)
		return false;
	v->spare = true;
	return true;
}
