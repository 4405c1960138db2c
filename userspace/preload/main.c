// SPDX-License-Identifier: GPL-2.0-only
/*
 * libhugepost-preload: start, settings, and what a fork leaves.
 *
 * A child of fork does not have the mappings, which are not inherited: it starts
 * without any state. Its copies of the descriptors are
 * closed by exec or exit.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "preload.h"

atomic_int hps_active;
pid_t hps_pid;
pthread_mutex_t hps_lock = PTHREAD_MUTEX_INITIALIZER;
__thread bool hps_inside;

struct hps_settings hps_settings = { .channels = 4 };

static bool is_set(const char *name)
{
	const char *value = getenv(name);

	return value && *value && strcmp(value, "0");
}

static void read_vhost(void)
{
	static const char *const names[] = {
		[HPS_VHOST_AUTO] = "auto",
		[HPS_VHOST_ANY] = "any",
		[HPS_VHOST_OFF] = "off",
	};
	const char *value = getenv("HUGEPOST_VHOST");
	unsigned int i;

	if (!value || !*value)
		return;
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!strcmp(value, names[i])) {
			hps_settings.vhost = (enum hps_vhost_mode)i;
			return;
		}
	}
	hps_log(HPS_ERROR, "HUGEPOST_VHOST is '%s': give auto, any or off", value);
}

static void read_settings(void)
{
	const char *channels = getenv("HUGEPOST_CHANNELS");
	char *end;
	long nr;

	read_vhost();
	hps_settings.prealloc = is_set("HUGEPOST_PREALLOC");
	hps_settings.hugetlbfs = is_set("HUGEPOST_HUGETLBFS");
	if (!channels || !*channels)
		return;
	nr = strtol(channels, &end, 10);
	if (*end || nr < 1 || nr > HUGEPOST_CHANNELS_MAX)
		hps_log(HPS_ERROR, "HUGEPOST_CHANNELS is '%s': give a number from 1 to %d",
			channels, HUGEPOST_CHANNELS_MAX);
	else
		hps_settings.channels = (uint32_t)nr;
}

static void fork_prepare(void)
{
	pthread_mutex_lock(&hps_register_lock);
	hps_enter();
}

static void fork_parent(void)
{
	hps_leave();
	pthread_mutex_unlock(&hps_register_lock);
}

static void fork_child(void)
{
	hps_pid = getpid();
	atomic_store(&hps_active, 0);
	hps_objects_forked();
	hps_uffd_forked();
	hps_vhost_forked();
	hps_leave();
	pthread_mutex_unlock(&hps_register_lock);
}

__attribute__((constructor)) static void start(void)
{
	hps_pid = getpid();
	hps_resolve();
	hps_log_init();
	read_settings();
	hps_channel_init();
	pthread_atfork(fork_prepare, fork_parent, fork_child);
}
