// SPDX-License-Identifier: GPL-2.0-only
/*
 * libhugepost-preload: each thread that fills has a slot of its own while it
 * lives, and fills each object through the channel of that number.
 *
 * If more threads fill than an object has channels, some share one: whoever
 * finds it in use takes the next.
 */
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>

#include "preload.h"

#define NO_SLOT	(-1)
/* All slots are in use: any channel will do. */
#define ANY_SLOT	HUGEPOST_CHANNELS_MAX

static _Atomic uint64_t slots_used;
static pthread_key_t slot_key;
static bool have_key;
static __thread int slot __attribute__((tls_model("initial-exec"))) = NO_SLOT;

static void slot_release(void *arg)
{
	int number = (int)(intptr_t)arg - 1;

	atomic_fetch_and(&slots_used, ~(1ULL << number));
	slot = NO_SLOT;
	hps_quick_forget();
}

static int slot_take(void)
{
	uint64_t used = atomic_load(&slots_used);
	int number;

	if (!have_key)
		return ANY_SLOT;
	do {
		if (!~used)
			return ANY_SLOT;
		number = __builtin_ctzll(~used);
	} while (!atomic_compare_exchange_weak(&slots_used, &used, used | 1ULL << number));

	/* Whoever cannot be told of the thread's end must not keep it. */
	if (pthread_setspecific(slot_key, (void *)(intptr_t)(number + 1))) {
		atomic_fetch_and(&slots_used, ~(1ULL << number));
		return ANY_SLOT;
	}
	return number;
}

void hps_channel_init(void)
{
	have_key = !pthread_key_create(&slot_key, slot_release);
}

int hps_channel_of(const struct hps_object *obj)
{
	return slot == NO_SLOT || slot == ANY_SLOT ? -1 : (int)((unsigned int)slot %
								obj->nr_channels);
}

int hps_fill(struct hps_object *obj, uint64_t offset, const void *src, uint64_t len,
	     uint32_t flags, struct hugepost_fill_result *result)
{
	unsigned int i;
	int ret;

	if (hps_unlikely(slot == NO_SLOT)) {
		slot = slot_take();
		hps_log(HPS_INFO, "a thread fills through channel %u",
			(unsigned int)slot % obj->nr_channels);
	}
	for (i = 0;; i++) {
		ret = hugepost_channel_fill(obj->channels[((unsigned int)slot + i) %
							  obj->nr_channels],
					    offset, src, len, flags, result);
		/* A signal ends a wait for another thread's copy; a userfaultfd's does not. */
		if (ret == -EINTR && !result->bytes && !result->duplicates)
			continue;
		if (ret != -EBUSY)
			return ret;
		sched_yield();
	}
}
