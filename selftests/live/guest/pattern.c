// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pages, what is in them, and whether it is what was written last.
 *
 * The content follows from the seed, the page's number and its version, and
 * nearly every word of it changes with each of the three: an old page, one that
 * is lost (zero), one that belongs elsewhere, or one put together from two
 * versions is found out. Version 0 is a page of zeros. Else the rest of a page
 * after its first three words is an arithmetic sequence of hashed start and step:
 * two such sequences meet in one word or none, and nothing is cheaper to make,
 * which counts where each instruction is emulated by one that is emulated.
 *
 * The versions are a table at the area's start, in memory that migrates as well.
 * No version of a page but 0 comes back, so an old page never looks like a new
 * one.
 */
#include "guest.h"

#define MAGIC			0x68706f73
#define HEADER_WORDS		3

/* In the table of versions: this one was found wrong and counted. */
#define FOUND_WRONG		0x80000000u

/* Of so many huge pages, and of so many pages of the rest, one stays zero. */
#define ZERO_ONE_IN		16

struct sequence {
	u32 start;
	u32 step;
};

u32 nr_pages;

static volatile u32 *versions;
static volatile u32 *pages;

/* The finaliser of MurmurHash3: every bit changes every bit. */
u32 mix(u32 x)
{
	x = (x ^ x >> 16) * 0x85ebca6b;
	x = (x ^ x >> 13) * 0xc2b2ae35;
	return x ^ x >> 16;
}

/* Memory from start to end: the table of versions, then the pages. */
void pattern_init(u32 start, u32 end)
{
	u32 all = (end - start) / PAGE_SIZE;
	/* A page of the table has room for the versions of PAGE_WORDS pages. */
	u32 table = (all + PAGE_WORDS) / (PAGE_WORDS + 1);

	versions = (volatile u32 *)start;
	pages = (volatile u32 *)(start + table * PAGE_SIZE);
	nr_pages = all - table;
}

volatile u32 *page_address(u32 index)
{
	return pages + index * PAGE_WORDS;
}

static struct sequence sequence_of(u32 index, u32 version)
{
	struct sequence sequence;
	u32 hash = mix(options.seed ^ mix(index)) + version;

	sequence.start = mix(hash);
	/* Odd, so that no two words of a page are equal. */
	sequence.step = mix(sequence.start + index) | 1;
	return sequence;
}

static u32 word_of(u32 index, u32 version, u32 word)
{
	const u32 header[HEADER_WORDS] = { MAGIC, index, version };
	struct sequence sequence;

	if (!version)
		return 0;
	if (word < HEADER_WORDS)
		return header[word];
	sequence = sequence_of(index, version);
	return sequence.start + word * sequence.step;
}

void write_page(u32 index, u32 version)
{
	volatile u32 *page = page_address(index);
	struct sequence sequence;
	u32 word, value;

	if (!version) {
		#pragma GCC unroll 8
		for (word = 0; word < PAGE_WORDS; word++)
			page[word] = 0;
	} else {
		sequence = sequence_of(index, version);
		value = sequence.start + HEADER_WORDS * sequence.step;

		page[0] = MAGIC;
		page[1] = index;
		page[2] = version;
		#pragma GCC unroll 8
		for (word = HEADER_WORDS; word < PAGE_WORDS; word++) {
			page[word] = value;
			value += sequence.step;
		}
	}
	versions[index] = version;
}

/* Bits that differ anywhere in the page. */
static u32 difference(u32 index, u32 version)
{
	const volatile u32 *page = page_address(index);
	struct sequence sequence;
	u32 word, value, diff;

	if (!version) {
		diff = 0;
		#pragma GCC unroll 8
		for (word = 0; word < PAGE_WORDS; word++)
			diff |= page[word];
		return diff;
	}

	sequence = sequence_of(index, version);
	value = sequence.start + HEADER_WORDS * sequence.step;
	diff = (page[0] ^ MAGIC) | (page[1] ^ index) | (page[2] ^ version);
	#pragma GCC unroll 8
	for (word = HEADER_WORDS; word < PAGE_WORDS; word++) {
		diff |= page[word] ^ value;
		value += sequence.step;
	}
	return diff;
}

/* Counts it once; notes it for CPU 0 if nothing is noted yet. */
static void found_wrong(struct cpu *cpu, u32 index, u32 word, u32 value)
{
	struct wrong *wrong = &cpu->wrong;
	u32 version = versions[index];

	if (version & FOUND_WRONG)
		return;
	versions[index] = version | FOUND_WRONG;
	cpu->bad++;
	if (wrong->pending)
		return;

	wrong->index = index;
	wrong->version = version;
	wrong->word = word;
	wrong->value = value;
	wrong->expected = word_of(index, version, word);
	/* x86 keeps the order of stores. */
	barrier();
	wrong->pending = true;
}

/*
 * A word that was read before. It may be wrong though the page is right by now:
 * that page was mapped before it was filled.
 */
void check_word(struct cpu *cpu, u32 index, u32 word, u32 value)
{
	if (value != word_of(index, versions[index] & ~FOUND_WRONG, word))
		found_wrong(cpu, index, word, value);
}

/* Returns whether the page is right. */
bool check_page(struct cpu *cpu, u32 index)
{
	u32 version = versions[index] & ~FOUND_WRONG;
	u32 word, value;

	if (!difference(index, version))
		return true;

	for (word = 0; word < PAGE_WORDS; word++) {
		value = page_address(index)[word];
		if (value != word_of(index, version, word)) {
			found_wrong(cpu, index, word, value);
			return false;
		}
	}
	/* It is right by now. A line whose word is as expected tells so. */
	found_wrong(cpu, index, 0, page_address(index)[0]);
	return false;
}

static bool stays_zero(u32 index)
{
	u32 huge_page = (u32)page_address(index) / PAGE_SIZE / PAGES_PER_HUGE_PAGE;

	return mix(options.seed + mix(huge_page)) % ZERO_ONE_IN == 0 ||
	       mix(options.seed ^ mix(index + 1)) % ZERO_ONE_IN == 0;
}

/* The CPU's own pages. */
void fill_pages(struct cpu *cpu)
{
	u32 index;

	cpu->version = 1;
	for (index = cpu->number; index < nr_pages; index += nr_cpus) {
		versions[index] = 0;
		if (!stays_zero(index))
			write_page(index, cpu->version);
		else if (difference(index, 0))
			/* The firmware had it. Else it is left untouched. */
			write_page(index, 0);
	}
}
