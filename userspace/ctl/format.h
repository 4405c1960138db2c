/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers and names, for people to read, and back. */
#ifndef CTL_FORMAT_H
#define CTL_FORMAT_H

#include <stdint.h>

/* A short text by value: format_size(bytes).s is good in a call's arguments. */
struct text {
	char s[40];
};

/* "1.5G": at most 5 characters. */
struct text format_size(uint64_t bytes);
/* "1536M": exact, and what parse_size() takes. */
struct text format_size_exact(uint64_t bytes);
/* "1.5M", by thousands: at most 5 characters. */
struct text format_count(uint64_t count);
/* "1.5G/s" */
struct text format_rate(double bytes_per_second);
/* "42", or "0.4" where it is small; at most 5 characters. */
struct text format_per_second(double rate);
/* "9.4s", "12m05s", "3h20m", "2d03h": at most 6 characters for 99 days. */
struct text format_duration(uint64_t ns);
/* "99%", rounded down: all is 100 %, and nothing else. */
struct text format_percent(uint64_t part, uint64_t total);
/* "2026-11-24 12:21:46.123456", local time. */
struct text format_time(uint64_t ns);

unsigned int percent(uint64_t part, uint64_t total);

const char *mode_name(uint32_t mode);
const char *event_name(uint32_t kind);

/* Any unsigned number, decimal. 0, -EINVAL or -ERANGE. */
int parse_number(const char *text, uint64_t *number);
/* Seconds, perhaps with a fraction. 0, -EINVAL or -ERANGE. */
int parse_seconds(const char *text, uint64_t *ns);

#endif /* CTL_FORMAT_H */
