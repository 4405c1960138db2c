// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model's steps that fill target pages.
 */
#include "model.h"

#define ENTRIES_MAX	64
#define ENTRY_SIZE_MAX	128

/* A FILL that is being put together; its sources are in the actor's buffer. */
struct fill {
	struct m_object *o;
	uint32_t channel;
	unsigned int nr, pages;
	unsigned int odd;	/* of the entries, has an unknown part; nr: none */
	uint32_t entry_size;	/* as it is told */
	struct hugepost_fill_entry entries[ENTRIES_MAX];
	struct m_source sources[M_BUFFER];
};

/* Of entries, as they are told. */
static const uint32_t sizes[] = { 0, 0, 0, 32, 40, ENTRY_SIZE_MAX };

static struct fill *begin(struct m_actor *a, struct m_object *o, uint32_t r)
{
	static __thread struct fill fill;

	fill.entry_size = sizes[(r >> 16) % ARRAY_SIZE(sizes)];
	fill.odd = ENTRIES_MAX;
	fill.o = o;
	fill.channel = m_pick_channel(a, o, r);
	fill.nr = 0;
	fill.pages = 0;
	return &fill;
}

/* Adds an entry of @n target pages, whose source is at buffer + @skew. */
static void add(struct m_actor *a, struct fill *f, unsigned int page,
		unsigned int n, uint32_t flags, unsigned int skew)
{
	bool zero = flags & HUGEPOST_FILL_ZERO;
	char *src = a->buffer + f->pages * TP + skew;
	unsigned int i;

	f->entries[f->nr++] = (struct hugepost_fill_entry){
		.offset = page * TP,
		.src = zero ? 0 : (uintptr_t)src,
		.len = n * TP,
		.flags = flags,
	};
	for (i = 0; i < n; i++) {
		struct m_source *source = &f->sources[f->pages++];

		*source = (struct m_source){};
		if (zero)
			continue;
		source->bytes = m_bytes_new(f->o, page + i);
		m_bytes_write(src + i * TP, source->bytes);
	}
}

/* The call, with entries as far apart as it tells. */
static int call(struct fill *f, struct hugepost_fill *out)
{
	size_t size = f->entry_size ? f->entry_size : sizeof(f->entries[0]);
	unsigned int i;
	static __thread char bytes[ENTRIES_MAX * ENTRY_SIZE_MAX];

	memset(bytes, 0, sizeof(bytes));
	for (i = 0; i < f->nr; i++)
		memcpy(bytes + i * size, &f->entries[i], sizeof(f->entries[i]));
	if (f->odd < f->nr)
		bytes[f->odd * size + size - 1] = 1;
	*out = (struct hugepost_fill){
		.size = sizeof(*out),
		.channel = f->channel,
		.nr = f->nr,
		.entries = (uintptr_t)bytes,
		.entry_size = f->entry_size,
	};
	return hp_call(f->o->fd, HUGEPOST_FILL, out);
}

/* Makes the call, and compares what came of it with the model. */
static bool end(struct m_actor *a, struct fill *f)
{
	uint64_t first = f->entries[0].offset / TP;
	struct hugepost_fill out;
	struct m_filled want;
	unsigned int i;
	int ret;

	for (i = 0; i < f->nr && a->tell; i++)
		m_say(a, "FILL object %u channel %u, entries of %u: pages %llu + %llu from %#llx, flags %u%s",
		      f->o->index, f->channel, f->entry_size,
		      (unsigned long long)(f->entries[i].offset / TP),
		      (unsigned long long)(f->entries[i].len / TP),
		      (unsigned long long)f->entries[i].src,
		      f->entries[i].flags,
		      i == f->odd ? ", and something unknown" : "");
	want = m_fill_model(f->o, f->channel, f->entries,
			    f->odd < f->nr ? f->odd : f->nr, f->sources);
	if (f->odd < f->nr && !want.ret)
		want.ret = -E2BIG;
	ret = call(f, &out);
	m_equal(a, "FILL", ret, want.ret);
	m_equal(a, "FILL: out_done", out.out_done, want.done);
	m_equal(a, "FILL: out_bytes", out.out_bytes, want.bytes);
	m_equal(a, "FILL: out_duplicates", out.out_duplicates,
		want.duplicates);
	if (first < M_PAGES)
		m_check_bitmap(a, f->o->index, first / SUBS);
	return true;
}

bool m_fill_one(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	struct fill *f = begin(a, o, r[2]);

	add(a, f, m_pick_page(a, o, r[1]), 1, 0, 0);
	return end(a, f);
}

/* A source of any alignment. */
bool m_fill_odd(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	unsigned int page = m_pick_page(a, o, r[1]);
	struct fill *f = begin(a, o, r[2]);

	add(a, f, page, m_own_run(a, o, page, 1 + r[3] % 4), 0, 1 + r[4] % 4095);
	return end(a, f);
}

/* Entries of one target page, neighbours or not, of zeros or not. */
bool m_fill_batch(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	unsigned int page = m_pick_page(a, o, r[1]), n = 2 + r[3] % 15, i;
	struct fill *f = begin(a, o, r[2]);
	uint64_t rng = r[4];

	for (i = 0; i < n; i++) {
		uint64_t x = m_random(&rng);

		add(a, f, page, 1, x % 8 ? 0 : HUGEPOST_FILL_ZERO, 0);
		page = m_pick_page(a, o, r[5] % 2 ? page + 1 :
				   (uint32_t)(x >> 32));
	}
	return end(a, f);
}

bool m_fill_run(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	unsigned int page = m_pick_page(a, o, r[1]);
	struct fill *f = begin(a, o, r[2]);

	add(a, f, page, m_own_run(a, o, page, 1 + r[3] % (r[4] % 8 ? 24 : 150)),
	    0, 0);
	return end(a, f);
}

/* All that is missing of the actor's in a host page, which may complete it. */
bool m_fill_rest(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	unsigned int page = m_pick_page(a, o, r[1]) / SUBS * SUBS, last, n;
	struct fill *f = begin(a, o, r[2]);

	for (last = page + SUBS; page < last && f->nr < ENTRIES_MAX; page += n) {
		n = 1;
		if (o->pages[page].present || !m_owned(a, o, page))
			continue;
		while (page + n < last && m_owned(a, o, page + n) &&
		       !o->pages[page + n].present)
			n++;
		add(a, f, page, n, (r[3] >> f->nr % 32) % 4 ?
		    HUGEPOST_FILL_ZERO : 0, 0);
	}
	return f->nr ? end(a, f) : false;
}

bool m_fill_zero(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	unsigned int page = m_pick_page(a, o, r[1]);
	struct fill *f = begin(a, o, r[2]);
	bool missing = !o->pages[page].present;
	bool ret;

	add(a, f, page, m_own_run(a, o, page, 1 + r[3] % (r[4] % 4 ? 3 : 64)),
	    HUGEPOST_FILL_ZERO, 0);
	ret = end(a, f);
	/* The wrong rule: after a RESET such a page is thought to stay missing. */
	if (a->lie_armed && missing)
		m_equal(a, "present after a RESET", o->pages[page].present,
			false);
	return ret;
}

/* Host pages of zeros, which are empty or not. */
bool m_fill_zero_host(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	int host = m_pick_host(a, o, r[1]);
	struct fill *f = begin(a, o, r[2]);

	if (host < 0)
		return false;
	add(a, f, host * SUBS, SUBS, HUGEPOST_FILL_ZERO, 0);
	return end(a, f);
}

bool m_fill_replace(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	unsigned int page = m_pick_page(a, o, r[1]);
	struct fill *f = begin(a, o, r[2]);

	add(a, f, page, m_own_run(a, o, page, 1 + r[3] % 8),
	    HUGEPOST_FILL_REPLACE | (r[4] % 4 ? 0 : HUGEPOST_FILL_ZERO), 0);
	return end(a, f);
}

/*
 * The source is another object's memory or this one's, maybe the very page that
 * is filled; present or missing, mapped for reading or not.
 */
bool m_fill_from_object(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	struct m_object *from = m_pick_object(a, r[3]);
	unsigned int page = m_pick_page(a, o, r[1]);
	unsigned int src = m_pick_page(a, from, r[4]), n, i;
	struct m_slot *slot = r[5] % 2 ? m_slot(a, from, r[5] / 2) : NULL;
	struct fill *f = begin(a, o, r[2]);
	struct m_source *source;
	bool same;

	n = from == o ? 1 : m_own_run(a, o, page, 3);
	n = m_own_run(a, from, src, n);
	if (from == o && r[5] % 32 == 0)
		src = page;
	for (i = 0; i < n; i++)
		if (from->mode == HUGEPOST_MODE_ARMED &&
		    !from->pages[src + i].present)
			return false;
	f->entries[f->nr++] = (struct hugepost_fill_entry){
		.offset = page * TP,
		.src = (uintptr_t)(slot ? slot->base : a->look[from->index]) +
		       src * TP,
		.len = n * TP,
	};
	for (i = 0; i < n; i++) {
		source = &f->sources[i];
		*source = (struct m_source){};
		if (o->pages[page + i].present)
			continue;	/* is not looked at */
		same = from == o && src / SUBS == page / SUBS;
		source->bad = slot && !(slot->how[src + i] & MAP_R);
		if (!source->bad)
			source->bad = m_touch_page(from, src + i, same) !=
				      OUT_OK;
		if (source->bad)
			break;
		source->bytes = from->pages[src + i].bytes;
	}
	return end(a, f);
}

/* A source that ends too early, or that is none at all. */
bool m_fill_bad_source(struct m_actor *a, const uint32_t *r)
{
	static const uint64_t nowhere[] = {
		0, TP / 2, 0xffff888000000000, 0x8000000000000000, -TP,
	};
	struct m_object *o = m_pick_object(a, r[0]);
	unsigned int page = m_pick_page(a, o, r[1]), n, good, i;
	struct fill *f = begin(a, o, r[2]);
	char *src;

	n = m_own_run(a, o, page, 1 + r[3] % M_HOLE);
	good = r[4] % n;
	src = a->buffer + (M_BUFFER + 1 - good) * TP;
	if (r[5] % 4 == 1 && good) {
		/* It ends in the middle of a target page. */
		src += TP / 2;
		good--;
	} else if (r[5] % 4 == 0) {
		src = (char *)nowhere[r[5] / 4 % ARRAY_SIZE(nowhere)];
		good = 0;
	}
	f->entries[f->nr++] = (struct hugepost_fill_entry){
		.offset = page * TP,
		.src = (uintptr_t)src,
		.len = n * TP,
	};
	for (i = 0; i < n; i++) {
		f->sources[i] = (struct m_source){ .bad = i >= good };
		if (i >= good)
			continue;
		f->sources[i].bytes = m_bytes_new(o, page + i);
		m_bytes_write(src + i * TP, f->sources[i].bytes);
	}
	return end(a, f);
}

/* Entries that are refused, behind one that is not. */
static bool refused_entry(struct m_actor *a, struct m_object *o,
			  const uint32_t *r)
{
	unsigned int page = m_pick_page(a, o, r[1]);
	struct fill *f = begin(a, o, r[2]);
	struct hugepost_fill_entry *e;

	if (r[3] % 2)
		add(a, f, page, 1, 0, 0);
	e = &f->entries[f->nr];
	add(a, f, page, 1, 0, 0);
	switch (r[4] % 10) {
	case 0:
		e->flags = 1U << (2 + r[5] % 30);
		break;
	case 1:
		e->__reserved = r[5] | 1;
		break;
	case 2:
		e->flags = HUGEPOST_FILL_ZERO; /* with a source */
		break;
	case 3:
		e->len = 0;
		break;
	case 4:
		e->len = TP + 1 + r[5] % (TP - 1);
		break;
	case 5:
		e->offset += 1 + r[5] % (TP - 1);
		break;
	case 6:
		e->offset = M_HOSTS * HP + r[5] % 4096 * TP;
		break;
	case 7:
		e->offset = -(uint64_t)TP; /* wraps */
		e->len = 2 * TP;
		break;
	case 8:
		e->len = M_HOSTS * HP - e->offset + TP;
		break;
	case 9:
		f->odd = f->nr - 1;
		f->entry_size = sizeof(*e) + 8 + r[5] % 12 * 8;
		break;
	}
	return end(a, f);
}

/* Calls that are refused before any entry is looked at. */
bool m_fill_refused(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	uint32_t channel = m_pick_channel(a, o, r[2]);
	struct {
		struct hugepost_fill fill;
		uint64_t more;
	} arg = { .fill = {
		.size = sizeof(arg.fill), .channel = channel, .nr = 1,
	} };
	struct hugepost_fill_entry e = { .len = TP, .flags = HUGEPOST_FILL_ZERO };
	int want = -EINVAL;

	if (r[1] % 2)
		return refused_entry(a, o, r);
	arg.fill.entries = (uintptr_t)&e;
	switch (r[3] % 10) {
	case 0:
		arg.fill.nr = 0;
		break;
	case 1:
		arg.fill.nr = HUGEPOST_FILL_MAX + 1 + r[4] % 1000;
		break;
	case 2:
		arg.fill.entry_size = r[4] % 2 ? 1 + r[4] % 31 :
				      1 + r[4] % 7 + 8 * (4 + r[4] % 500);
		break;
	case 3:
		arg.fill.flags = 1U << r[4] % 32;
		want = -EOPNOTSUPP;
		break;
	case 4:
		arg.fill.channel = o->nr_channels + r[4] % 1000;
		want = -ENOENT;
		break;
	case 5:
		arg.fill.size = r[4] % sizeof(arg.fill);
		break;
	case 6:
		arg.fill.size = sizeof(arg);
		arg.more = r[4] | 1;
		want = -E2BIG;
		break;
	case 7:
		arg.fill.size = TP + 1 + r[4] % TP;
		want = -E2BIG;
		break;
	case 8:
		arg.fill.entries = r[4] % TP;
		want = -EFAULT;
		m_fill_model(o, channel, NULL, 0, NULL);
		break;
	case 9:
		arg.fill.entry_size = r[4] % 8 ? TP + 1 + r[4] % TP : r[4] | TP << 1;
		want = -E2BIG;
		break;
	}
	m_say(a, "FILL object %u channel %u, refused in way %u", o->index,
	      channel, r[3] % 10);
	m_equal(a, "FILL", hp_call(o->fd, HUGEPOST_FILL, &arg.fill), want);
	return true;
}

bool m_reset(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	uint32_t channel = m_pick_channel(a, o, r[1]);

	if (r[2] % 4 == 0) {
		channel = o->nr_channels + r[3] % 100;
		m_say(a, "RESET object %u channel %u: none such", o->index,
		      channel);
		m_equal(a, "RESET", hp_reset(o->fd, channel), -ENOENT);
		return true;
	}
	m_say(a, "RESET object %u channel %u", o->index, channel);
	m_equal(a, "RESET", hp_reset(o->fd, channel), 0);
	o->channels[channel].resets++;
	o->channels[channel].reset = true;
	a->lie_armed = a->lie;
	return true;
}
