// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "format.h"
#include "model.h"

#define NS		1000000000ULL
#define SECONDS_MAX	1e9

static struct text scaled(double value, double step, const char *units)
{
	struct text text;

	while (value >= (*units == ' ' ? step : step - 0.5) && units[1]) {
		value /= step;
		units++;
	}
	if (*units == ' ')
		snprintf(text.s, sizeof(text.s), "%.0f", value);
	else
		snprintf(text.s, sizeof(text.s), "%.*f%c", value < 9.95, value, *units);
	return text;
}

struct text format_size(uint64_t bytes)
{
	return scaled((double)bytes, 1024, " KMGTPE");
}

struct text format_size_exact(uint64_t bytes)
{
	const char *units = " KMGT";
	struct text text;

	while (bytes && bytes % 1024 == 0 && units[1]) {
		bytes /= 1024;
		units++;
	}
	snprintf(text.s, sizeof(text.s), "%" PRIu64 "%.*s", bytes, *units != ' ', units);
	return text;
}

struct text format_count(uint64_t count)
{
	return count < 100000 ? scaled((double)count, 100000, " ") :
	       scaled((double)count / 1000, 1000, "kMGTPE");
}

struct text format_rate(double bytes_per_second)
{
	struct text text = scaled(bytes_per_second, 1024, " KMGTPE");

	strcat(text.s, "/s");
	return text;
}

struct text format_per_second(double rate)
{
	struct text text;

	if (rate <= 0 || rate >= 9.95)
		return format_count((uint64_t)(rate > 0 ? rate + 0.5 : 0));
	snprintf(text.s, sizeof(text.s), "%.1f", rate);
	return text;
}

struct text format_duration(uint64_t ns)
{
	uint64_t s = ns / NS;
	struct text text;

	if (s < 10)
		snprintf(text.s, sizeof(text.s), "%" PRIu64 ".%us", s,
			 (unsigned int)(ns % NS / (NS / 10)));
	else if (s < 60)
		snprintf(text.s, sizeof(text.s), "%" PRIu64 "s", s);
	else if (s < 3600)
		snprintf(text.s, sizeof(text.s), "%" PRIu64 "m%02us", s / 60,
			 (unsigned int)(s % 60));
	else if (s < 86400)
		snprintf(text.s, sizeof(text.s), "%" PRIu64 "h%02um", s / 3600,
			 (unsigned int)(s / 60 % 60));
	else
		snprintf(text.s, sizeof(text.s), "%" PRIu64 "d%02uh", s / 86400,
			 (unsigned int)(s / 3600 % 24));
	return text;
}

unsigned int percent(uint64_t part, uint64_t total)
{
	if (part >= total)
		return total ? 100 : 0;
	return (unsigned int)((double)part / total * 100);
}

struct text format_percent(uint64_t part, uint64_t total)
{
	struct text text;

	snprintf(text.s, sizeof(text.s), "%u%%", percent(part, total));
	return text;
}

struct text format_time(uint64_t ns)
{
	time_t seconds = ns / NS;
	struct text text;
	struct tm tm;
	size_t len;

	localtime_r(&seconds, &tm);
	len = strftime(text.s, sizeof(text.s), "%F %T", &tm);
	snprintf(text.s + len, sizeof(text.s) - len, ".%06u", (unsigned int)(ns % NS / 1000));
	return text;
}

const char *mode_name(uint32_t mode)
{
	switch (mode) {
	case HUGEPOST_MODE_UNARMED:
		return "unarmed";
	case HUGEPOST_MODE_ARMED:
		return "armed";
	case HUGEPOST_MODE_LOST:
		return "lost";
	default:
		return "unknown";
	}
}

const char *event_name(uint32_t kind)
{
	static const char *const names[] = {
		[HUGEPOST_EVENT_KIND_SETUP] = "setup",
		[HUGEPOST_EVENT_KIND_ARMED] = "armed",
		[HUGEPOST_EVENT_KIND_FIRST_FILL] = "first-fill",
		[HUGEPOST_EVENT_KIND_PROGRESS] = "progress",
		[HUGEPOST_EVENT_KIND_LOST] = "lost",
		[HUGEPOST_EVENT_KIND_DISARMED] = "disarmed",
		[HUGEPOST_EVENT_KIND_COMPLETE] = "complete",
		[HUGEPOST_EVENT_KIND_RELEASED] = "released",
	};

	if (kind >= sizeof(names) / sizeof(*names) || !names[kind])
		return "unknown";
	return names[kind];
}

int parse_number(const char *text, uint64_t *number)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	*number = strtoull(text, &end, 10);
	if (errno)
		return -errno;
	return *end ? -EINVAL : 0;
}

int parse_seconds(const char *text, uint64_t *ns)
{
	double seconds;
	char *end;

	if (!isdigit((unsigned char)*text) && *text != '.')
		return -EINVAL;
	seconds = strtod(text, &end);
	if (end == text || *end || !isfinite(seconds))
		return -EINVAL;
	if (seconds > SECONDS_MAX)
		return -ERANGE;
	*ns = (uint64_t)(seconds * NS);
	return 0;
}
