/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libhugepost-preload: what the library says to QEMU for a vhost-user back end.
 *
 * In a postcopy QEMU asks each back end for a userfaultfd of its own, and tells it
 * where the guest's memory is not there yet. A back end that maps an object waits in
 * its page faults by itself, and knows nothing of it: these messages never reach it.
 * In place of each it gets GET_FEATURES, which every back end answers, so that the
 * order of what is said is kept and QEMU learns if the back end is gone.
 *
 * This file's part knows messages only: vhost_msg.c does no I/O and allocates only
 * what it keeps of tables of memory.
 */
#ifndef HUGEPOST_PRELOAD_VHOST_H
#define HUGEPOST_PRELOAD_VHOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HPS_VHOST_HEADER	12
/* Of the longest message that is adapted: a table of 8 regions. */
#define HPS_VHOST_MAX		(HPS_VHOST_HEADER + 8 + 8 * 32)

/* Whose postcopy is adapted (HUGEPOST_VHOST). */
enum hps_vhost_mode {
	HPS_VHOST_AUTO,		/* that of back ends which offer to take part in one */
	HPS_VHOST_ANY,
	HPS_VHOST_OFF,		/* nobody's: QEMU is to refuse the migration */
};

/* What a message of the back end that is to come is for. */
enum hps_vhost_kind {
	HPS_VHOST_PROGRAM,	/* the program, as it is */
	HPS_VHOST_PROTOCOL,	/* it, with PAGEFAULT among the features */
	HPS_VHOST_DROP,		/* nobody: GET_FEATURES was the library's */
	HPS_VHOST_SPARE,	/* a device that asks for no table */
	HPS_VHOST_ADVISE,	/* it stands for the reply to POSTCOPY_ADVISE, */
	HPS_VHOST_REFUSAL,	/* for one that QEMU takes for an error, */
	HPS_VHOST_DONE,		/* for the reply to LISTEN or END, */
	HPS_VHOST_TABLE,	/* or for that to a table of memory, */
	HPS_VHOST_NO_TABLE,	/* or for an error */
};

struct hps_vhost_reply {
	size_t len;
	uint8_t bytes[HPS_VHOST_MAX];
};

struct hps_vhost_pending {
	enum hps_vhost_kind kind;
	uint32_t request;
	unsigned int table;	/* which of the tables it stands for */
	bool acks;		/* it is an acknowledgment, not GET_FEATURES' */
};

#define HPS_VHOST_PENDING	32

/* A connection, as its messages tell of it. All zeros at its beginning. */
struct hps_vhost {
	enum hps_vhost_mode mode;
	bool lost;		/* not understood: all goes through untouched */
	bool confirmed;		/* the first reply was that of a back end */
	bool acks;		/* REPLY_ACK is agreed upon, */
	bool log_shmfd;		/* and this */
	bool unoffered;		/* the back end does not offer PAGEFAULT */
	unsigned int advised;	/* devices that were told of a postcopy */
	bool listening;		/* from the first device's LISTEN to the first END */
	/* What is to come, in its order. */
	struct hps_vhost_pending pending[HPS_VHOST_PENDING];
	unsigned int nr_pending;
	/* Of the message that passes to the program: its header, and bytes to come. */
	uint8_t header[HPS_VHOST_HEADER];
	size_t header_len;
	size_t passing;
	/* What was answered since the table of memory last began. */
	struct hps_vhost_reply *tables;
	unsigned int nr_tables;
	unsigned int next_table;
	bool table_ended;
};

struct hps_vhost_region {
	uint64_t addr;		/* where the program has it */
	uint64_t size;
};

/* What becomes of a message of the program. */
enum hps_vhost_verdict {
	HPS_VHOST_PASS,		/* it goes on as it is */
	HPS_VHOST_SEND,		/* out->bytes go in its place, with its descriptors */
	HPS_VHOST_SEND_PING,	/* the same, and then GET_FEATURES */
	HPS_VHOST_SWALLOW,	/* nothing goes */
};

/* Is it the message by which a connection begins? */
bool hps_vhost_begins(const void *data, size_t len);
/* Does the message tell of a postcopy to come? */
bool hps_vhost_is_advise(const void *data, size_t len);
/* Regions of a message about memory that is adapted, at most 8; 0 of all others. */
unsigned int hps_vhost_regions(const struct hps_vhost *v, const void *data, size_t len,
			       struct hps_vhost_region regions[8]);
/* A whole message of the program. @refuse: the memory is not fit for a postcopy. */
enum hps_vhost_verdict hps_vhost_out(struct hps_vhost *v, const void *data, size_t len, bool refuse,
				     struct hps_vhost_reply *out);
/* A message is not understood: it goes through, and so does all that follows. */
void hps_vhost_give_up(struct hps_vhost *v);
/* True: GET_FEATURES is to be sent, for a device that may wait without having asked. */
bool hps_vhost_ask_spare(struct hps_vhost *v);
/* It could not be sent. */
void hps_vhost_unsent(struct hps_vhost *v);
/* Does the library have to read the back end's next message itself? */
bool hps_vhost_reads(const struct hps_vhost *v);
/* Bytes that a message has of which @len are there, up to HPS_VHOST_MAX. */
size_t hps_vhost_length(const void *data, size_t len);
/*
 * A whole message of the back end becomes what the program gets: nothing if
 * out->len is 0. *@advise: a descriptor goes with it.
 */
void hps_vhost_in(struct hps_vhost *v, const void *data, size_t len, struct hps_vhost_reply *out,
		  bool *advise);
/* The back end is gone. True: @out is what the program gets in place of that. */
bool hps_vhost_gone(struct hps_vhost *v, struct hps_vhost_reply *out);
/* Bytes that passed to the program. */
void hps_vhost_passed(struct hps_vhost *v, const void *data, size_t len);
/* GET_FEATURES. */
void hps_vhost_ping(struct hps_vhost_reply *out);
void hps_vhost_free(struct hps_vhost *v);

#endif /* HUGEPOST_PRELOAD_VHOST_H */
