// SPDX-License-Identifier: GPL-2.0-only
/* Sizes, durations, shares and rates: what is printed of them, and read. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "../../common/size.h"
#include "format.h"
#include "rate.h"
#include "tap.h"

#define NS	1000000000ULL

static void is(const char *what, struct text text, const char *expected)
{
	tap_ok(!strcmp(text.s, expected), "%s: '%s', expected '%s'", what, text.s, expected);
}

static void size(uint64_t bytes, const char *shown, const char *exact)
{
	is("bytes", format_size(bytes), shown);
	is("exact bytes", format_size_exact(bytes), exact);
}

static void reads_size(const char *text, int err, uint64_t expected)
{
	uint64_t bytes = 0;
	int got = parse_size(text, &bytes);

	tap_ok(got == err && (err || bytes == expected), "'%s' is %" PRIu64 ", %d", text, bytes,
	       got);
}

static void reads_seconds(const char *text, int err, uint64_t expected)
{
	uint64_t ns = 0;
	int got = parse_seconds(text, &ns);

	tap_ok(got == err && (err || ns == expected), "'%s' seconds are %" PRIu64 " ns, %d", text,
	       ns, got);
}

static void sizes(void)
{
	size(0, "0", "0");
	size(1023, "1023", "1023");
	size(1024, "1.0K", "1K");
	size(1536, "1.5K", "1536");
	size(10 << 20, "10M", "10M");
	size((1ULL << 30) - 1, "1.0G", "1073741823");
	size(9ULL << 40, "9.0T", "9T");
	size(1023ULL << 40, "1023T", "1023T");
	size(1ULL << 50, "1.0P", "1024T");
	size(UINT64_MAX, "16E", "18446744073709551615");

	reads_size("0", 0, 0);
	reads_size("4096", 0, 4096);
	reads_size("2M", 0, 2 << 20);
	reads_size("3g", 0, 3ULL << 30);
	reads_size("1T", 0, 1ULL << 40);
	reads_size("1K", 0, 1024);
	reads_size("16777215T", 0, 16777215ULL << 40);
	reads_size("16777216T", -ERANGE, 0);
	reads_size("99999999999999999999", -ERANGE, 0);
	reads_size("", -EINVAL, 0);
	reads_size("M", -EINVAL, 0);
	reads_size("-1", -EINVAL, 0);
	reads_size(" 1", -EINVAL, 0);
	reads_size("1.5G", -EINVAL, 0);
	reads_size("1MB", -EINVAL, 0);
	reads_size("0x10", -EINVAL, 0);
}

static void durations(void)
{
	is("duration", format_duration(0), "0.0s");
	is("duration", format_duration(9990000000), "9.9s");
	is("duration", format_duration(59 * NS), "59s");
	is("duration", format_duration(725 * NS), "12m05s");
	is("duration", format_duration(12000 * NS), "3h20m");
	is("duration", format_duration((2 * 86400 + 3 * 3600) * NS), "2d03h");

	reads_seconds("0", 0, 0);
	reads_seconds("0.5", 0, NS / 2);
	reads_seconds("60", 0, 60 * NS);
	reads_seconds("-1", -EINVAL, 0);
	reads_seconds("nan", -EINVAL, 0);
	reads_seconds("1s", -EINVAL, 0);
	reads_seconds("1e12", -ERANGE, 0);
}

static void numbers(void)
{
	is("count", format_count(99999), "99999");
	is("count", format_count(100000), "100k");
	is("count", format_count(1500000), "1.5M");
	is("count", format_count(UINT64_MAX), "18E");
	is("a second", format_per_second(0), "0");
	is("a second", format_per_second(0.25), "0.2");
	is("a second", format_per_second(9.96), "10");
	is("a second", format_per_second(123456), "123k");
	is("rate", format_rate(1.5 * (1 << 20)), "1.5M/s");
	is("per cent", format_percent(0, 0), "0%");
	is("per cent", format_percent(9999999, 10000000), "99%");
	is("per cent", format_percent(10, 10), "100%");
	tap_ok(!strcmp(mode_name(99), "unknown"), "a mode of a later version");
	tap_ok(!strcmp(event_name(99), "unknown"), "an event of a later version");
}

static void rates(void)
{
	struct hp_object before = {
		.time = 10 * NS, .length = 20ULL << 21, .host_page = 2 << 20, .target_page = 4096,
		.empty = 20, .waits = 5,
	};
	struct hp_object now = before;
	struct rate rate;

	now.time = 12 * NS;
	now.empty = 0;
	now.assembling = 15;
	now.present = 5;
	now.filled = 10 * 512;
	now.waits = 15;
	rate = rate_of(&before, &now);
	tap_ok(rate.pages == 2560 && rate.bytes == 2560 * 4096 && rate.waits == 5,
	       "figures of two seconds");
	tap_ok(rate.rest_ns == 2 * NS, "the rest takes %" PRIu64 " ns", rate.rest_ns);
	tap_ok(object_arrived(&now) == 5120, "half of it is there");
	now.discarded = 9 * 512;
	tap_ok(object_arrived(&now) == 5 * 512, "complete host pages are there for sure");
	rate = rate_of(&now, &now);
	tap_ok(!rate.pages && rate.rest_ns == REST_UNKNOWN, "no rate of one reading");
	now.assembling = 0;
	now.present = 20;
	tap_ok(!rate_of(&before, &now).rest_ns, "nothing is missing, nothing takes time");
	now.created = 11 * NS;
	tap_ok(rate_of(NULL, &now).pages == 5120, "what is new counts from its beginning");
}

int main(void)
{
	sizes();
	durations();
	numbers();
	rates();
	return tap_end();
}
