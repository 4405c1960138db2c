/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef STREAM_PARSER_INTERNAL_H
#define STREAM_PARSER_INTERNAL_H

#include "format.h"
#include "parser.h"

/* A section that comes in several parts. */
struct open_section {
	uint32_t id;
	uint32_t instance;
	bool ended;
	char name[STREAM_NAME_MAX];
};

struct parser {
	struct reader *reader;
	const struct stream_ops *ops;
	void *ctx;
	struct stream_info *info;
	struct stream_error *error;

	struct stream_block *blocks;	/* grown by stream_grow() */
	struct stream_block *last_block;
	struct open_section *sections;	/* grown by stream_grow() */
	uint32_t nr_sections;
	uint32_t ram_id;
	bool ram_open;			/* RAM's START came */
	bool footers_known;		/* info->footers is valid */
};

/* Sets the error's text and returns -EBADMSG. */
int stream_fail(struct parser *p, uint64_t offset, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Makes @len bytes visible at *@data and takes them; @what names them if the
 * input ends before.
 */
int stream_take(struct parser *p, size_t len, const char *what,
		const uint8_t **data);
int stream_take8(struct parser *p, const char *what, uint8_t *v);
int stream_take16(struct parser *p, const char *what, uint16_t *v);
int stream_take32(struct parser *p, const char *what, uint32_t *v);
int stream_take64(struct parser *p, const char *what, uint64_t *v);

/* A string after its length in one byte; checked to be printable. */
int stream_take_string(struct parser *p, const char *what,
		       char name[STREAM_NAME_MAX]);
bool stream_printable(const uint8_t *s, size_t len);

/* Makes room for one more element of @size bytes behind @nr; they may move. */
int stream_grow(void **array, uint32_t nr, size_t size);

/* ram.c: the records of one section, its end mark included. */
int ram_records(struct parser *p);

/* skip.c: passes over a section whose content is not known. */
int skip_section(struct parser *p, uint32_t id, const char *name,
		 uint64_t start);
struct open_section *find_section(struct parser *p, uint32_t id);
/* Bytes that follow a command's number, or -1 if it is not known. */
int command_length(uint16_t command);

#endif /* STREAM_PARSER_INTERNAL_H */
