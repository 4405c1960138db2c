// SPDX-License-Identifier: GPL-2.0-only
/*
 * libhugepost-preload: its log, HUGEPOST_LOG=LEVEL:FILE.
 *
 * A line is one write to a file opened for appending. The program may close any
 * descriptor and get the same number for a file of its own, so it is checked
 * before each write that the descriptor is still ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "preload.h"

#define LINE_MAX_BYTES	512

static const char *const level_names[] = { "error", "warn", "info", "debug" };

enum hps_level hps_log_level = HPS_ERROR;

static int log_fd = -1;
static struct stat log_stat;

static int parse_level(const char *text, size_t len)
{
	unsigned int i;

	for (i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++)
		if (strlen(level_names[i]) == len && !strncmp(text, level_names[i], len))
			return (int)i;
	return -1;
}

void hps_log_init(void)
{
	const char *setting = getenv("HUGEPOST_LOG");
	const char *colon = setting ? strchr(setting, ':') : NULL;
	int level, fd, high;

	if (!setting || !*setting)
		return;
	level = colon ? parse_level(setting, (size_t)(colon - setting)) : -1;
	if (level < 0 || !colon[1]) {
		hps_log(HPS_ERROR,
			"HUGEPOST_LOG is '%s': give error, warn, info or debug, a colon and a file",
			setting);
		return;
	}
	fd = open(colon + 1, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
	if (fd < 0) {
		hps_log(HPS_ERROR, "cannot open the log %s: %s", colon + 1, strerror(errno));
		return;
	}
	high = hps_own_duplicate(fd);
	if (high >= 0) {
		hps_real()->close(fd);
		fd = high;
	}
	if (!fstat(fd, &log_stat)) {
		log_fd = fd;
		hps_log_level = (enum hps_level)level;
	}
}

static bool log_is_ours(void)
{
	struct stat now;

	return log_fd >= 0 && !fstat(log_fd, &now) && now.st_dev == log_stat.st_dev &&
	       now.st_ino == log_stat.st_ino;
}

void hps_log(enum hps_level level, const char *format, ...)
{
	char text[LINE_MAX_BYTES], line[LINE_MAX_BYTES + 80];
	int saved = errno, len;
	struct timespec now;
	va_list args;

	if (level > hps_log_level)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);

	if (level == HPS_ERROR) {
		len = snprintf(line, sizeof(line), "hugepost: %s\n", text);
		if (write(STDERR_FILENO, line, (size_t)len) < 0)
			errno = saved;
	}
	if (log_is_ours()) {
		clock_gettime(CLOCK_REALTIME, &now);
		len = snprintf(line, sizeof(line), "%lld.%06ld %d/%ld %s: %s\n",
			       (long long)now.tv_sec, now.tv_nsec / 1000, (int)getpid(),
			       syscall(SYS_gettid), level_names[level], text);
		if (write(log_fd, line, (size_t)len) < 0)
			errno = saved;
	}
	errno = saved;
}
