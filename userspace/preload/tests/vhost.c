// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dialogues of QEMU and a back end, as the library makes them: whatever QEMU waits
 * for it gets, in its order, and the back end is told of no postcopy. Here a queue
 * stands for the socket. TAP.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../vhost.h"

#define REPLY		4u
#define NEED_REPLY	8u
#define F_REPLY_ACK	(1ULL << 3)
#define F_PAGEFAULT	(1ULL << 8)

struct message {
	uint32_t request, flags, size;
	uint8_t payload[HPS_VHOST_MAX - HPS_VHOST_HEADER];
};

static struct hps_vhost v;
/* What the back end has answered and nobody has read. */
static struct message answers[64];
static unsigned int nr_answers;
static unsigned int told;	/* messages of a postcopy that the back end got */
static unsigned int number, failed;
static const char *broken;

#define EXPECT(what) do {						\
	if (!(what) && !broken)						\
		broken = #what;						\
} while (0)

static void end_test(const char *name)
{
	number++;
	if (broken) {
		printf("# %s\nnot ok %u - %s\n", broken, number, name);
		failed++;
	} else {
		printf("ok %u - %s\n", number, name);
	}
	hps_vhost_free(&v);
}

static void begin_test(enum hps_vhost_mode mode)
{
	memset(&v, 0, sizeof(v));
	v.mode = mode;
	nr_answers = 0;
	told = 0;
	broken = NULL;
}

/* The back end gets a message, and answers if it has to. */
static void back_end(const void *data)
{
	struct message m = { .size = 0 };

	memcpy(&m, data, HPS_VHOST_HEADER);
	told += m.request >= 28 && m.request <= 30;
	if (m.request == 1 || m.request == 11 || m.request == 15 || m.flags & NEED_REPLY) {
		m.flags = 1 | REPLY;
		m.size = 8;
		if (m.request == 15)
			memcpy(m.payload, &(uint64_t){ F_REPLY_ACK }, 8);
		answers[nr_answers++] = m;
	}
}

static void spare(void)
{
	struct hps_vhost_reply out;

	if (!hps_vhost_ask_spare(&v))
		return;
	hps_vhost_ping(&out);
	back_end(out.bytes);
}

static void qemu_writes(uint32_t request, uint32_t flags, const void *payload, uint32_t size)
{
	struct message m = { .request = request, .flags = 1 | flags, .size = size };
	struct hps_vhost_reply out;

	if (size)
		memcpy(m.payload, payload, size);
	switch (hps_vhost_out(&v, &m, HPS_VHOST_HEADER + size, false, &out)) {
	case HPS_VHOST_PASS:
		back_end(&m);
		break;
	case HPS_VHOST_SEND:
		back_end(out.bytes);
		break;
	case HPS_VHOST_SEND_PING:
		back_end(out.bytes);
		hps_vhost_ping(&out);
		back_end(out.bytes);
		break;
	case HPS_VHOST_SWALLOW:
		spare();
		break;
	}
}

static void qemu_writes_number(uint32_t request, uint32_t flags, uint64_t value)
{
	qemu_writes(request, flags, &value, sizeof(value));
}

/* The next message that QEMU gets; request ~0 if it would wait for ever. */
static struct message qemu_reads(bool *advise)
{
	const struct message nothing = { .request = ~0u };
	struct hps_vhost_reply out;
	struct message m;

	*advise = false;
	while (nr_answers) {
		m = answers[0];
		memmove(answers, answers + 1, --nr_answers * sizeof(m));
		if (!hps_vhost_reads(&v)) {
			/* QEMU reads the header first. */
			hps_vhost_passed(&v, &m, HPS_VHOST_HEADER);
			hps_vhost_passed(&v, m.payload, m.size);
			spare();
			return m;
		}
		hps_vhost_in(&v, &m, HPS_VHOST_HEADER + m.size, &out, advise);
		spare();
		memset(&m, 0, sizeof(m));
		memcpy(&m, out.bytes, out.len);
		if (out.len)
			return m;
	}
	return nothing;
}

static bool qemu_gets(uint32_t request, uint32_t size)
{
	bool advise;
	struct message m = qemu_reads(&advise);

	return m.request == request && m.size == size && m.flags == (1 | REPLY) &&
	       advise == (request == 28);
}

static void connect_back_end(bool acks)
{
	qemu_writes(1, 0, NULL, 0);
	EXPECT(qemu_gets(1, 8));
	qemu_writes(15, 0, NULL, 0);
	EXPECT(qemu_gets(15, 8));
	qemu_writes_number(16, 0, acks ? F_REPLY_ACK : 0);
}

static void begin_postcopy(unsigned int devices)
{
	unsigned int i;

	for (i = 0; i < devices; i++) {
		qemu_writes(28, 0, NULL, 0);
		EXPECT(qemu_gets(28, 0));
	}
	for (i = 0; i < devices; i++) {
		qemu_writes(29, NEED_REPLY, NULL, 0);
		EXPECT(qemu_gets(29, 8));
	}
}

static void end_postcopy(unsigned int devices)
{
	while (devices--) {
		qemu_writes(30, NEED_REPLY, NULL, 0);
		EXPECT(qemu_gets(30, 8));
	}
	EXPECT(!told && !v.lost);
}

static void start_device(void)
{
	/* SET_FEATURES, SET_VRING_NUM: no reply. */
	qemu_writes_number(2, 0, 0);
	qemu_writes_number(8, 0, 0);
}

/* QEMU writes a table for the first device, and waits for one for each of them. */
static void tables(bool acks, unsigned int devices)
{
	uint64_t table[5] = { 1, 0, 1 << 20, 1 << 30, 0 };
	unsigned int i;

	begin_test(HPS_VHOST_AUTO);
	connect_back_end(acks);
	begin_postcopy(devices);
	for (i = 0; i < devices; i++) {
		start_device();
		if (!i)
			qemu_writes(5, 0, table, sizeof(table));
		EXPECT(qemu_gets(5, sizeof(table)));
		if (!i)
			qemu_writes_number(5, 0, 0);
	}
	/* The device stops, and starts again. */
	qemu_writes_number(11, 0, 0);
	EXPECT(qemu_gets(11, 8));
	for (i = 1; i < devices; i++)
		EXPECT(qemu_gets(5, sizeof(table)));
	end_postcopy(devices);
	qemu_writes(1, 0, NULL, 0);
	EXPECT(qemu_gets(1, 8));
	EXPECT(!nr_answers || hps_vhost_reads(&v));
}

/* The same by regions; @each: every device writes them, as in QEMU 7.2. */
static void regions(bool acks, bool each)
{
	const uint64_t region[5] = { 0, 0, 1 << 20, 1 << 30, 0 };
	unsigned int i, device;

	begin_test(HPS_VHOST_AUTO);
	connect_back_end(acks);
	begin_postcopy(2);
	for (device = 0; device < 2; device++) {
		for (i = 0; i < 2; i++) {
			if (!device || each)
				qemu_writes(37, 0, region, sizeof(region));
			EXPECT(qemu_gets(37, sizeof(region)));
		}
		if (!device || each)
			qemu_writes_number(37, 0, 0);
	}
	end_postcopy(2);
}

int main(void)
{
	struct hps_vhost_reply out;
	bool acks;
	int i;

	for (i = 0; i < 2; i++) {
		acks = i;
		tables(acks, 1);
		end_test(acks ? "a device, with REPLY_ACK" : "a device");
		tables(acks, 3);
		end_test(acks ? "three devices, with REPLY_ACK" : "three devices");
		regions(acks, false);
		end_test(acks ? "regions of the first device, with REPLY_ACK" :
				"regions of the first device");
		regions(acks, true);
		end_test(acks ? "regions of each device, with REPLY_ACK" :
				"regions of each device");
	}

	begin_test(HPS_VHOST_AUTO);
	connect_back_end(true);
	begin_postcopy(1);
	qemu_writes(30, NEED_REPLY, NULL, 0);
	/* SET_VRING_CALL of another thread. */
	qemu_writes_number(13, 0, 0);
	EXPECT(qemu_gets(30, 8));
	end_test("another thread's message leaves what END waits for");

	begin_test(HPS_VHOST_AUTO);
	connect_back_end(true);
	begin_postcopy(1);
	qemu_writes(30, NEED_REPLY, NULL, 0);
	EXPECT(hps_vhost_gone(&v, &out) && out.len == HPS_VHOST_HEADER + 8);
	EXPECT(!hps_vhost_gone(&v, &out));
	end_test("END of a back end that is gone");

	begin_test(HPS_VHOST_ANY);
	connect_back_end(true);
	EXPECT(v.unoffered);
	begin_postcopy(1);
	end_postcopy(1);
	end_test("a back end that does not offer to take part");

	printf("1..%u\n", number);
	return failed > 0;
}
