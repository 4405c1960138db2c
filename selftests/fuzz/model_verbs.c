// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model's steps that discard, that ask, and that make objects anew.
 */
#include "model.h"

/* DISCARD of target pages that are the actor's. */
static void discard(struct m_actor *a, struct m_object *o, unsigned int page,
		    unsigned int n)
{
	unsigned int i, gone = 0, last = page + n - 1;

	m_say(a, "DISCARD object %u: pages %u + %u", o->index, page, n);
	for (i = page; i <= last; i++) {
		if (!o->pages[i].present)
			continue;
		m_make_missing(o, i);
		gone++;
	}
	m_forget_events(o, page, n);
	m_count(o->discarded, gone);
	m_equal(a, "DISCARD", hp_discard(o->fd, page * TP, n * TP), gone);
	/* Waiters may have been woken twice, by host page and at the end. */
	m_woken(a, o, page, n, 2);
	m_check_bitmap(a, o->index, page / SUBS);
	if (last / SUBS != page / SUBS)
		m_check_bitmap(a, o->index, last / SUBS);
}

bool m_discard(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	unsigned int page = m_pick_page(a, o, r[1]);

	discard(a, o, page, m_own_run(a, o, page, r[2] % 4 ? 1 :
				      1 + r[3] % (r[2] % 16 ? 64 : 1024)));
	return true;
}

/* A host page, or all of the object. */
bool m_discard_host(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	int host = m_pick_host(a, o, r[1]);

	if (host < 0)
		return false;
	if (a->alone && r[2] % 4 == 0)
		discard(a, o, 0, M_PAGES);
	else
		discard(a, o, host * SUBS, SUBS);
	return true;
}

static bool is_all_zero(const struct m_object *o, unsigned int host)
{
	const struct m_bytes zeros = {};
	unsigned int i;

	for (i = host * SUBS; i < (host + 1) * SUBS; i++)
		if (memcmp(&o->pages[i].bytes, &zeros, sizeof(zeros)))
			return false;
	return true;
}

/* TRIM of some host pages: of who is alone, what it gives back is known. */
bool m_trim(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	unsigned int host = r[1] % M_HOSTS, n = 1 + r[2] % (M_HOSTS - host), i;
	int64_t want = 0, got;

	m_say(a, "TRIM object %u: host pages %u + %u", o->index, host, n);
	got = hp_trim(o->fd, host * HP, n * HP);
	if (!a->alone) {
		m_equal(a, "TRIM", got < 0, 0);
		return true;
	}
	for (i = host; i < host + n; i++) {
		if (o->prealloc || o->hosts[i].nr_present != SUBS ||
		    !o->hosts[i].staged || !is_all_zero(o, i))
			continue;
		o->hosts[i].staged = false;
		want += HP;
	}
	m_equal(a, "TRIM", got, want);
	return true;
}

/* Ranges that DISCARD, WAKE and BITMAP refuse. */
bool m_discard_refused(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	uint64_t offset = r[1] % M_PAGES * TP, length = TP, bits[SUBS / 64];
	int want = -EINVAL;

	switch (r[2] % 6) {
	case 0:
		length = 0;
		break;
	case 1:
		offset++;
		break;
	case 2:
		length--;
		break;
	case 3:
		length = M_HOSTS * HP - offset + TP;
		want = -ERANGE;
		break;
	case 4:
		offset = -(uint64_t)TP;
		length = 2 * TP;
		want = -ERANGE;
		break;
	case 5:
		offset = M_HOSTS * HP + r[3] % 1000 * HP;
		want = -ERANGE;
		break;
	}
	m_say(a, "DISCARD, WAKE, BITMAP object %u: offset %#llx length %#llx",
	      o->index, (unsigned long long)offset,
	      (unsigned long long)length);
	m_equal(a, "DISCARD", hp_discard(o->fd, offset, length), want);
	m_equal(a, "WAKE", hp_wake(o->fd, offset, length), want);
	m_equal(a, "BITMAP", hp_bitmap(o->fd, offset, length, bits), want);
	m_equal(a, "BITMAP to nowhere", hp_bitmap(o->fd, 0, TP, NULL), -EFAULT);
	m_equal(a, "BITMAP of a part", hp_bitmap(o->fd, TP, TP, bits), -EINVAL);
	return true;
}

/* The bitmap of any range, and what lies behind it. */
bool m_bitmap(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	unsigned int first = r[1] % M_HOSTS * SUBS, i, present = 0;
	unsigned int n = 1 + r[2] % (M_PAGES - first);
	unsigned int words = (n + 63) / 64;
	uint64_t bits[M_PAGES / 64 + 1];
	int64_t ret;

	m_say(a, "BITMAP object %u: pages %u + %u", o->index, first, n);
	bits[words] = 0x5a5a5a5a5a5a5a5a;
	ret = hp_bitmap(o->fd, first * TP, n * TP, bits);
	for (i = 0; i < n; i++) {
		struct m_page *page = &o->pages[first + i];
		bool bit = bits[i / 64] >> i % 64 & 1;

		present += bit;
		if (m_owned(a, o, first + i) && bit != page->present)
			return !m_fail(a, "BITMAP: page %u is %d", first + i,
				       bit);
	}
	for (; i < words * 64; i++)
		if (bits[i / 64] >> i % 64 & 1)
			return !m_fail(a, "BITMAP: bit %u is set", i);
	m_equal(a, "BITMAP: out_present", ret == present, true);
	m_equal(a, "BITMAP: behind it", (int64_t)bits[words],
		0x5a5a5a5a5a5a5a5a);
	return true;
}

bool m_stats(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	struct hugepost_channel_stats ch[M_CHANNELS];
	struct hugepost_stats s = {
		.size = sizeof(s),
		.channels = (uintptr_t)ch,
		.nr_channels = M_CHANNELS,
		.channel_size = sizeof(ch[0]),
	};
	int want = -EINVAL;

	m_say(a, "STATS object %u", o->index);
	m_check_stats(a, o->index);
	switch (r[1] % 4) {
	case 0:
		s.channel_size = 0;
		break;
	case 1:
		s.channel_size = TP + 1;
		break;
	case 2:
		s.channels = 0;
		break;
	case 3:
		s.nr_channels = o->nr_channels - 1;
		want = s.nr_channels ? -EMSGSIZE : -EINVAL;
		break;
	}
	m_equal(a, "STATS that are refused",
		hp_call(o->fd, HUGEPOST_STATS, &s), want);
	return true;
}

bool m_info(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	struct hugepost_info info = { .size = sizeof(info) };

	m_say(a, "INFO, and unknown calls, object %u", o->index);
	m_equal(a, "INFO", hp_call(o->fd, HUGEPOST_INFO, &info), 0);
	m_equal(a, "out_api_version", info.out_api_version,
		HUGEPOST_API_VERSION);
	m_equal(a, "out_host_page_sizes", info.out_host_page_sizes, HP);
	info.flags = 1U << r[1] % 32;
	m_equal(a, "INFO with flags", hp_call(o->fd, HUGEPOST_INFO, &info),
		-EOPNOTSUPP);
	m_equal(a, "unknown ioctl",
		ioctl(o->fd, _IO(HUGEPOST_IOC_TYPE, 13 + r[2] % 243), &info) ?
		-errno : 0, -ENOTTY);
	m_equal(a, "argument nowhere", hp_call(o->fd, HUGEPOST_INFO, NULL),
		-EFAULT);
	return true;
}

/* A look at all bytes of a host page. */
bool m_look(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	unsigned int host = r[1] % M_HOSTS;

	m_say(a, "look at object %u: host page %u", o->index, host);
	m_check_bytes(a, o->index, host);
	m_check_bitmap(a, o->index, host);
	return true;
}

/* An object that is not set up, and how it is set up wrongly and rightly. */
bool m_setup(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	struct hugepost_setup arg = {
		.size = sizeof(arg), .length = HP, .channels = 1,
	};
	int fd = hp_open(), want = -EINVAL;
	char *at;

	m_say(a, "SETUP of a new object, in way %u", r[1] % 9);
	if (fd < 0)
		return !m_fail(a, "open: %d", fd);
	m_equal(a, "second SETUP", hp_setup(o->fd, HP, 1, 0), -EBUSY);
	m_equal(a, "FILL before SETUP", hp_fill(fd, 0, 0, a->buffer, TP, 0),
		-ENXIO);
	m_equal(a, "ARM before SETUP", hp_arm(fd, 0), -ENXIO);
	m_equal(a, "STATS before SETUP", hp_stats(fd).out_length, 0);
	switch (r[1] % 9) {
	case 0:
		arg.length = r[2] % TP * TP + TP;
		want = arg.length % HP ? -EINVAL : 0;
		break;
	case 1:
		arg.length = 0;
		break;
	case 2:
		arg.length = 1ULL << (47 + r[2] % 17);
		break;
	case 3:
		arg.channels = HUGEPOST_CHANNELS_MAX + 1 + r[2] % 1000;
		break;
	case 4:
		arg.host_shift = 1 + r[2] % 20;
		want = -EOPNOTSUPP;
		break;
	case 5:
		arg.target_shift = 13 + r[2] % 50;
		want = -EOPNOTSUPP;
		break;
	case 6:
		arg.node = 1;
		break;
	case 7:
		arg.flags = HUGEPOST_SETUP_NODE;
		want = 0;
		break;
	case 8:
		arg.flags = HUGEPOST_SETUP_NODE;
		arg.node = 4096 + r[2] % 4096;
		break;
	}
	m_equal(a, "SETUP", hp_call(fd, HUGEPOST_SETUP, &arg), want);
	at = hp_map(fd, 0, HP);
	if (at == MAP_FAILED) {
		m_fail(a, "mmap of a new object: %d", -errno);
	} else {
		m_equal(a, "a new object's byte", *(volatile char *)at, 0);
		munmap(at, HP);
	}
	close(fd);
	return true;
}

/* An object is closed, its mappings are gone, and another comes instead. */
bool m_reopen(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	unsigned int i;
	int ret;

	for (i = 0; i < M_HELPERS; i++)
		if (a->helpers[i].busy && a->helpers[i].object == o->index)
			return false;
	m_say(a, "object %u is closed, a new one opened", o->index);
	m_actor_unmap(a, o->index);
	m_object_close(o);
	ret = m_object_open(o, o->index, 1 + r[1] % M_CHANNELS,
			    r[2] % 3 ? 0 : HUGEPOST_SETUP_PREALLOC);
	if (!ret)
		ret = m_actor_map(a, o->index);
	if (m_equal(a, "a new object", ret, 0))
		m_check_stats(a, o->index);
	return true;
}
