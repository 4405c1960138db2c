// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model: what the bytes of a target page are, and the rules by which the
 * module's calls change it.
 */
#include "model.h"

uint64_t m_random(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

static uint64_t poke_word(uint32_t poke)
{
	return poke * 0xd6e8feb86659fd93ULL + 1;
}

#define WORD_STEP	0xc2b2ae3d27d4eb4fULL

static uint64_t first_word(uint64_t content)
{
	return content * 0x9e3779b97f4a7c15ULL + 1;
}

uint64_t m_word(struct m_bytes bytes, unsigned int word)
{
	if (bytes.poke && word == POKE_WORD)
		return poke_word(bytes.poke);
	return bytes.content ? first_word(bytes.content) + word * WORD_STEP : 0;
}

/* @to may have any alignment. */
void m_bytes_write(void *to, struct m_bytes bytes)
{
	uint64_t x = first_word(bytes.content);
	unsigned int i;

	if (!bytes.content) {
		memset(to, 0, TP);
	} else {
		for (i = 0; i < WORDS; i++, x += WORD_STEP)
			memcpy(to + i * sizeof(x), &x, sizeof(x));
	}
	if (bytes.poke) {
		x = poke_word(bytes.poke);
		memcpy(to + POKE_WORD * sizeof(x), &x, sizeof(x));
	}
}

/* The first word that is wrong, or -1. */
int m_bytes_wrong(const void *from, struct m_bytes bytes)
{
	uint64_t x = bytes.content ? first_word(bytes.content) : 0;
	uint64_t step = bytes.content ? WORD_STEP : 0;
	const uint64_t *p = from;
	unsigned int i;

	for (i = 0; i < WORDS; i++, x += step)
		if (p[i] != x &&
		    (i != POKE_WORD || p[i] != m_word(bytes, i)))
			return (int)i;
	if (p[POKE_WORD] != m_word(bytes, POKE_WORD))
		return POKE_WORD;
	return -1;
}

/* Bytes that no other target page has, nor this one had. */
struct m_bytes m_bytes_new(struct m_object *o, unsigned int page)
{
	uint64_t version = ++o->pages[page].version;

	return (struct m_bytes){
		.content = (uint64_t)(o->index + 1) << 56 |
			   (uint64_t)page << 32 | version,
	};
}

void m_object_model(struct m_object *o, unsigned int index)
{
	unsigned int i;

	memset(o, 0, sizeof(*o));
	o->index = index;
	o->efd = -1;
	for (i = 0; i < M_CHANNELS; i++)
		o->channels[i].host = -1;
	for (i = 0; i < M_HOSTS; i++)
		o->hosts[i].owner = M_NOBODY;
	for (i = 0; i < M_PAGES; i++)
		o->pages[i].owner = M_NOBODY;
}

static void make_present(struct m_object *o, unsigned int page,
			 struct m_bytes bytes)
{
	struct m_page *p = &o->pages[page];

	p->bytes = bytes;
	p->present = true;
	p->event = EVENT_NONE;
	m_count(o->hosts[page / SUBS].nr_present, 1);
}

void m_make_missing(struct m_object *o, unsigned int page)
{
	struct m_host *host = &o->hosts[page / SUBS];

	o->pages[page].present = false;
	if (!m_count(host->nr_present, -1))
		host->staged = false;
}

void m_forget_events(struct m_object *o, unsigned int first, unsigned int nr)
{
	unsigned int i;

	for (i = first; i < first + nr; i++)
		o->pages[i].event = EVENT_NONE;
}

/*
 * A touch that the mapping allows. A missing target page of an unarmed object
 * becomes present, as zeros; all of its host page does if that is empty, and not
 * @assembling just now.
 */
enum m_outcome m_touch_page(struct m_object *o, unsigned int page,
			    bool assembling)
{
	struct m_host *host = &o->hosts[page / SUBS];
	unsigned int base = page / SUBS * SUBS, i;
	struct m_bytes zeros = {};

	if (!o->pages[page].present) {
		if (o->mode == HUGEPOST_MODE_ARMED)
			return OUT_WAIT;
		if (o->mode == HUGEPOST_MODE_LOST)
			return OUT_BUS;
		m_count(o->zero_fills, 1);
		if (host->nr_present || assembling)
			make_present(o, page, zeros);
		else
			for (i = base; i < base + SUBS; i++)
				make_present(o, i, zeros);
	}
	host->staged = true;
	return OUT_OK;
}

static void account(struct m_channel *ch, unsigned int page, bool zero)
{
	if (ch->host != (int)(page / SUBS)) {
		ch->host = (int)(page / SUBS);
		ch->host_filled = 0;
		ch->all_zero = true;
	}
	ch->host_filled++;
	ch->pages++;
	if (zero)
		ch->zero_pages++;
	else
		ch->all_zero = false;
}

static int check_entry(const struct hugepost_fill_entry *e)
{
	uint64_t end;

	if (e->flags & ~(HUGEPOST_FILL_ZERO | HUGEPOST_FILL_REPLACE))
		return -EOPNOTSUPP;
	if (e->__reserved || ((e->flags & HUGEPOST_FILL_ZERO) && e->src))
		return -EINVAL;
	if (!e->len || (e->offset | e->len) % TP)
		return -EINVAL;
	if (__builtin_add_overflow(e->offset, e->len, &end) ||
	    end > M_HOSTS * HP)
		return -ERANGE;
	return 0;
}

/* One target page of an entry: 0, or the error that ends the FILL. */
static int fill_page(struct m_object *o, struct m_channel *ch,
		     unsigned int page, uint32_t flags,
		     const struct m_source *source, struct m_filled *out)
{
	struct m_host *host = &o->hosts[page / SUBS];
	bool replace = flags & HUGEPOST_FILL_REPLACE;
	bool zero = flags & HUGEPOST_FILL_ZERO;
	bool present = o->pages[page].present;
	struct m_bytes zeros = {};

	if (present && !replace) {
		ch->duplicates++;
		out->duplicates++;
		return 0;
	}
	if (!zero) {
		host->staged = true;
		if (source->bad) {
			if (!host->nr_present)
				host->staged = false;
			return -EFAULT;
		}
		out->bytes += TP;
	}
	if (present) {
		ch->replaced++;
		o->pages[page].bytes = zero ? zeros : source->bytes;
	} else {
		make_present(o, page, zero ? zeros : source->bytes);
	}
	account(ch, page, zero);
	return 0;
}

/*
 * A FILL on a channel that there is and that is free. @sources are those of the
 * target pages of all entries, one after the other.
 */
struct m_filled m_fill_model(struct m_object *o, uint32_t channel,
			     const struct hugepost_fill_entry *entries,
			     unsigned int nr, const struct m_source *sources)
{
	struct m_channel *ch = &o->channels[channel];
	struct m_filled out = {};
	unsigned int i, page;

	if (ch->reset)
		ch->host = -1;
	ch->reset = false;
	for (i = 0; i < nr && !out.ret; i++) {
		const struct hugepost_fill_entry *e = &entries[i];
		uint64_t k;

		out.ret = check_entry(e);
		if (!out.ret && (e->flags & HUGEPOST_FILL_REPLACE) &&
		    o->mode != HUGEPOST_MODE_UNARMED)
			out.ret = -EBUSY;
		page = (unsigned int)(e->offset / TP);
		for (k = 0; k < e->len / TP && !out.ret; k++)
			out.ret = fill_page(o, ch, page++, e->flags, sources++,
					    &out);
		if (!out.ret)
			out.done++;
	}
	return out;
}
