// SPDX-License-Identifier: GPL-2.0-only
/*
 * libhugepost-preload: messages of vhost-user, as docs/interop/vhost-user of QEMU has
 * them, and what a postcopy of hugepost makes of them.
 *
 * A back end answers in the order in which it is asked. So what each of its messages
 * is for stands in a queue.
 *
 * Of the tables of memory QEMU writes one for a connection, and waits for a reply for
 * each of its devices (versions 2.12 to 11). While a connection with several devices
 * has a postcopy, there is always one reply of the back end on its way, the "spare"
 * one, which becomes the table again for a device that waits without having asked.
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
	GET_SHMEM_CONFIG = 44,
};

#define VERSION			1u
#define VERSION_MASK		3u
#define REPLY			4u
#define NEED_REPLY		8u

#define F_LOG_SHMFD		(1ULL << 1)
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

void hps_vhost_free(struct hps_vhost *v)
{
	free(v->tables);
	v->tables = NULL;
	v->nr_tables = 0;
}

static struct hps_vhost_pending *pend(struct hps_vhost *v, enum hps_vhost_kind kind,
				      uint32_t request)
{
	struct hps_vhost_pending *p;

	if (v->nr_pending == HPS_VHOST_PENDING)
		return NULL;
	p = &v->pending[v->nr_pending++];
	*p = (struct hps_vhost_pending){ .kind = kind, .request = request };
	return p;
}

static void pop(struct hps_vhost *v)
{
	v->nr_pending--;
	memmove(v->pending, v->pending + 1, v->nr_pending * sizeof(v->pending[0]));
}

/* Nobody is going to wait for the spare reply any more. */
static void drop_spare(struct hps_vhost *v)
{
	unsigned int i;

	for (i = 0; i < v->nr_pending; i++)
		if (v->pending[i].kind == HPS_VHOST_SPARE)
			v->pending[i].kind = HPS_VHOST_DROP;
}

void hps_vhost_give_up(struct hps_vhost *v)
{
	v->lost = true;
	v->listening = false;
	drop_spare(v);
}

static enum hps_vhost_verdict give_up(struct hps_vhost *v)
{
	hps_vhost_give_up(v);
	return HPS_VHOST_PASS;
}

bool hps_vhost_ask_spare(struct hps_vhost *v)
{
	unsigned int i;

	if (v->lost || !v->listening || v->advised < 2 || !v->table_ended || !v->nr_tables)
		return false;
	/* The program waits for a reply of its own, or there is one. */
	for (i = 0; i < v->nr_pending; i++)
		if (v->pending[i].kind != HPS_VHOST_DROP)
			return false;
	return pend(v, HPS_VHOST_SPARE, GET_FEATURES);
}

void hps_vhost_unsent(struct hps_vhost *v)
{
	if (v->nr_pending)
		v->nr_pending--;
}

static enum hps_vhost_verdict ask(struct hps_vhost *v, enum hps_vhost_kind kind, uint32_t request,
				  struct hps_vhost_reply *out)
{
	drop_spare(v);
	if (!pend(v, kind, request))
		return give_up(v);
	hps_vhost_ping(out);
	return HPS_VHOST_SEND;
}

/* A table, or a region, that QEMU wants to know the back end's addresses of. */
static enum hps_vhost_verdict table(struct hps_vhost *v, const void *data, size_t len,
				    struct hps_vhost_reply *out)
{
	struct header h = header_of(data);
	struct hps_vhost_pending *p;
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
	drop_spare(v);
	p = pend(v, HPS_VHOST_TABLE, h.request);
	if (!p)
		return give_up(v);
	p->acks = v->acks;
	p->table = v->nr_tables;
	copy(&tables[v->nr_tables], data, len);
	h.flags = VERSION | REPLY;
	memcpy(tables[v->nr_tables].bytes, &h, sizeof(h));
	v->nr_tables++;

	copy(out, data, len);
	if (!v->acks)
		return HPS_VHOST_SEND_PING;
	h.flags = VERSION | NEED_REPLY;
	memcpy(out->bytes, &h, sizeof(h));
	return HPS_VHOST_SEND;
}

/* Regions of a table, or of a message about one; 0 if it is none of them. */
static unsigned int nr_regions(const struct header *h, const void *data)
{
	uint32_t nr;

	if (h->size < sizeof(uint64_t) + REGION)
		return 0;
	if (h->request == ADD_MEM_REG)
		return h->size == sizeof(uint64_t) + REGION;
	if (h->request != SET_MEM_TABLE)
		return 0;
	memcpy(&nr, (const uint8_t *)data + HPS_VHOST_HEADER, sizeof(nr));
	return nr <= REGIONS_MAX && h->size == sizeof(uint64_t) + nr * REGION ? nr : 0;
}

/* Is it about memory that is not there yet? With NEED_REPLY it is not. */
static bool is_adapted(const struct hps_vhost *v, const struct header *h)
{
	return v->listening && !(h->flags & NEED_REPLY) &&
	       (h->request == NONE || h->request == SET_MEM_TABLE || h->request == ADD_MEM_REG ||
		h->request == REM_MEM_REG);
}

unsigned int hps_vhost_regions(const struct hps_vhost *v, const void *data, size_t len,
			       struct hps_vhost_region regions[REGIONS_MAX])
{
	const uint8_t *at = (const uint8_t *)data + HPS_VHOST_HEADER + sizeof(uint64_t);
	unsigned int i, nr;
	struct header h;

	if (v->lost || len < sizeof(h))
		return 0;
	h = header_of(data);
	if (len - sizeof(h) != h.size || !is_adapted(v, &h))
		return 0;
	nr = nr_regions(&h, data);
	for (i = 0; i < nr; i++, at += REGION) {
		memcpy(&regions[i].size, at + 8, sizeof(uint64_t));
		memcpy(&regions[i].addr, at + 16, sizeof(uint64_t));
	}
	return nr;
}

static bool has_reply(const struct hps_vhost *v, const struct header *h)
{
	switch (h->request) {
	case GET_FEATURES:
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
	case GET_SHMEM_CONFIG:
		return true;
	case SET_LOG_BASE:
		return v->log_shmfd || h->flags & NEED_REPLY;
	default:
		return h->flags & NEED_REPLY;
	}
}

/* All other messages are the program's and the back end's. */
static enum hps_vhost_verdict other(struct hps_vhost *v, const struct header *h,
				    enum hps_vhost_kind kind)
{
	/* One that is not known may have a reply, too. */
	if (has_reply(v, h) || h->request > GET_SHMEM_CONFIG)
		drop_spare(v);
	if (has_reply(v, h) && !pend(v, kind, h->request))
		return give_up(v);
	return HPS_VHOST_PASS;
}

/* QEMU has heard where the back end has its memory: that was not the back end. */
static enum hps_vhost_verdict acknowledged(struct hps_vhost *v)
{
	v->table_ended = true;
	v->next_table = 0;
	return HPS_VHOST_SWALLOW;
}

/* A message about memory while the guest's is not there yet. */
static enum hps_vhost_verdict memory(struct hps_vhost *v, const struct header *h,
				     const void *data, size_t len, bool refuse,
				     struct hps_vhost_reply *out)
{
	if (h->size == sizeof(uint64_t))
		return acknowledged(v);
	if (!nr_regions(h, data))
		return other(v, h, HPS_VHOST_PROGRAM);
	if (refuse)
		return ask(v, HPS_VHOST_NO_TABLE, h->request, out);
	return table(v, data, len, out);
}

static enum hps_vhost_verdict agreed(struct hps_vhost *v, const struct header *h,
				     const void *data, struct hps_vhost_reply *out)
{
	uint64_t features = number_of(data);
	enum hps_vhost_verdict ret;

	v->acks = features & F_REPLY_ACK;
	v->log_shmfd = features & F_LOG_SHMFD;
	ret = other(v, h, HPS_VHOST_PROGRAM);
	if (v->lost || !v->unoffered || !(features & F_PAGEFAULT))
		return ret;
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

	switch (h.request) {
	case GET_PROTOCOL_FEATURES:
		return other(v, &h, v->mode == HPS_VHOST_ANY ? HPS_VHOST_PROTOCOL :
							       HPS_VHOST_PROGRAM);
	case SET_PROTOCOL_FEATURES:
		if (h.size == sizeof(uint64_t))
			return agreed(v, &h, data, out);
		break;
	case POSTCOPY_ADVISE:
		if (h.size)
			break;
		if (refuse)
			return ask(v, HPS_VHOST_REFUSAL, h.request, out);
		v->advised++;
		return ask(v, HPS_VHOST_ADVISE, h.request, out);
	case POSTCOPY_LISTEN:
		if (h.size || !v->advised)
			break;
		v->listening = true;
		return ask(v, HPS_VHOST_DONE, h.request, out);
	case POSTCOPY_END:
		if (h.size || !v->advised)
			break;
		/* All memory is there: what follows of tables is as ever. */
		v->listening = false;
		v->advised--;
		return ask(v, HPS_VHOST_DONE, h.request, out);
	default:
		if (is_adapted(v, &h) && len <= HPS_VHOST_MAX)
			return memory(v, &h, data, len, refuse, out);
		break;
	}
	return other(v, &h, HPS_VHOST_PROGRAM);
}

bool hps_vhost_reads(const struct hps_vhost *v)
{
	return v->nr_pending && v->pending[0].kind != HPS_VHOST_PROGRAM;
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
	struct header h = header_of(data);
	bool pong = is_number(&h, GET_FEATURES) && len == sizeof(h) + sizeof(uint64_t);
	struct hps_vhost_pending p;

	*advise = false;
	copy(out, data, len);
	if (!v->nr_pending)
		return;
	p = v->pending[0];
	pop(v);
	if (p.kind == HPS_VHOST_PROTOCOL && is_number(&h, GET_PROTOCOL_FEATURES))
		protocol(v, data, out);
	if (p.kind == HPS_VHOST_TABLE && p.acks && is_number(&h, p.request) && !number_of(data))
		pong = true;
	/* An error goes on as it is, and is one to the program as well. */
	if (!pong)
		return;
	switch (p.kind) {
	case HPS_VHOST_DROP:
		out->len = 0;
		return;
	case HPS_VHOST_SPARE:
		out->len = 0;
		if (v->nr_tables)
			answer_again(v, out);
		return;
	case HPS_VHOST_ADVISE:
	case HPS_VHOST_REFUSAL:
		put(out, POSTCOPY_ADVISE, VERSION | REPLY, NULL, 0);
		*advise = p.kind == HPS_VHOST_ADVISE;
		return;
	case HPS_VHOST_DONE:
		put_number(out, p.request, VERSION | REPLY, 0);
		return;
	case HPS_VHOST_TABLE:
		if (p.table < v->nr_tables)
			*out = v->tables[p.table];
		return;
	case HPS_VHOST_NO_TABLE:
		put_number(out, p.request, VERSION | REPLY, 1);
		return;
	case HPS_VHOST_PROGRAM:
	case HPS_VHOST_PROTOCOL:
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
	while (v->nr_pending && (v->pending[0].kind == HPS_VHOST_DROP ||
				 v->pending[0].kind == HPS_VHOST_SPARE))
		pop(v);
	if (!v->nr_pending || v->pending[0].kind != HPS_VHOST_DONE)
		return false;
	put_number(out, v->pending[0].request, VERSION | REPLY, 0);
	pop(v);
	return true;
}

/* A whole message has passed to the program. */
static void passed_whole(struct hps_vhost *v)
{
	v->header_len = 0;
	if (v->nr_pending && v->pending[0].kind == HPS_VHOST_PROGRAM)
		pop(v);
}

void hps_vhost_passed(struct hps_vhost *v, const void *data, size_t len)
{
	const uint8_t *at = data;
	struct header h;
	size_t n;

	while (len) {
		if (v->header_len < sizeof(v->header)) {
			n = sizeof(v->header) - v->header_len;
			n = len < n ? len : n;
			memcpy(v->header + v->header_len, at, n);
			v->header_len += n;
			at += n;
			len -= n;
			if (v->header_len < sizeof(v->header))
				return;
			h = header_of(v->header);
			if (!v->confirmed && !is_number(&h, GET_FEATURES))
				hps_vhost_give_up(v);
			v->confirmed = !v->lost;
			v->passing = h.size;
		} else {
			n = len < v->passing ? len : v->passing;
			v->passing -= n;
			at += n;
			len -= n;
		}
		if (!v->passing)
			passed_whole(v);
	}
}
