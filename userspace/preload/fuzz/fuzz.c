// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzes what is made of vhost-user messages. An input is a mode, and then messages,
 * each after a byte that says whose it is and two that say how long it is. Whatever
 * comes, what goes out keeps to the sizes that were promised, and without a postcopy
 * all goes through.
 */
#include <stdlib.h>
#include <string.h>

#include "vhost.h"

enum whose { PROGRAM, REFUSED_PROGRAM, BACK_END, PASSED, GONE, KINDS };

struct run {
	struct hps_vhost v;
	bool advised;
};

static void check(bool good)
{
	if (!good)
		abort();
}

static void check_state(const struct run *r)
{
	const struct hps_vhost *v = &r->v;

	check(v->nr_pending <= HPS_VHOST_PENDING);
	check(!v->nr_tables || v->next_table < v->nr_tables);
	check(v->header_len <= HPS_VHOST_HEADER);
	if (!r->advised && v->mode != HPS_VHOST_ANY)
		check(!hps_vhost_reads(v));
}

static void from_program(struct run *r, const uint8_t *data, size_t len, bool refuse)
{
	struct hps_vhost_reply out = { .len = 0 };
	struct hps_vhost_region regions[8];
	enum hps_vhost_verdict verdict;
	unsigned int nr;

	r->advised |= hps_vhost_is_advise(data, len);
	verdict = hps_vhost_out(&r->v, data, len, refuse, &out);
	check(out.len <= sizeof(out.bytes));
	check(verdict == HPS_VHOST_PASS || verdict == HPS_VHOST_SWALLOW ||
	      out.len >= HPS_VHOST_HEADER);
	nr = hps_vhost_regions(&r->v, data, len, regions);
	check(nr <= 8 && (!nr || r->advised));
	hps_vhost_ask_spare(&r->v);
	if (!r->advised && r->v.mode != HPS_VHOST_ANY)
		check(verdict == HPS_VHOST_PASS);
	if (r->v.lost)
		check(verdict == HPS_VHOST_PASS);
}

static void from_back_end(struct run *r, const uint8_t *data, size_t len)
{
	struct hps_vhost_reply out = { .len = 0 };
	uint8_t message[HPS_VHOST_MAX] = { 0 };
	bool advise = false;
	size_t want, have = len < HPS_VHOST_HEADER ? len : HPS_VHOST_HEADER;

	/* It is read as the library reads it: its header, then the rest. */
	memcpy(message, data, have);
	want = hps_vhost_length(message, have);
	check(want >= HPS_VHOST_HEADER && want <= sizeof(message));
	if (have < HPS_VHOST_HEADER)
		return;
	if (len > HPS_VHOST_HEADER && want > HPS_VHOST_HEADER)
		memcpy(message + have, data + have, (len < want ? len : want) - have);
	hps_vhost_in(&r->v, message, want, &out, &advise);
	check(out.len <= sizeof(out.bytes));
	check(!advise || (r->advised && out.len == HPS_VHOST_HEADER));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run r = { .advised = false };
	struct hps_vhost_reply out;
	size_t at = 1, len;
	uint8_t *copy;

	if (size < 1)
		return 0;
	r.v.mode = (enum hps_vhost_mode)(data[0] % 3);
	while (at + 3 <= size) {
		enum whose whose = (enum whose)(data[at] % KINDS);

		len = data[at + 1] | (size_t)data[at + 2] << 8;
		at += 3;
		if (len > size - at)
			len = size - at;
		/* Of its own size, so that a byte too much is seen. */
		copy = malloc(len ? len : 1);
		check(copy);
		memcpy(copy, data + at, len);
		at += len;
		switch (whose) {
		case PROGRAM:
		case REFUSED_PROGRAM:
			from_program(&r, copy, len, whose == REFUSED_PROGRAM);
			break;
		case BACK_END:
			from_back_end(&r, copy, len);
			break;
		case PASSED:
			hps_vhost_passed(&r.v, copy, len);
			break;
		case GONE:
			hps_vhost_gone(&r.v, &out);
			break;
		default:
			break;
		}
		free(copy);
		check_state(&r);
	}
	hps_vhost_free(&r.v);
	return 0;
}
