// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects and actors of the model: how they begin and end, and how a step
 * chooses among what is the actor's.
 */
#include "model.h"

/* Room for M_OBJECTS; processes that are forked from here share it. */
struct m_object *m_objects_new(void)
{
	return mmap(NULL, M_OBJECTS * sizeof(struct m_object),
		    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

/* Opens and sets up an object, with a new model that nobody owns a part of. */
int m_object_open(struct m_object *o, unsigned int index, unsigned int channels,
		  uint32_t flags)
{
	m_object_model(o, index);
	o->nr_channels = channels;
	o->prealloc = flags & HUGEPOST_SETUP_PREALLOC;
	o->fd = hp_new(M_HOSTS * HP, channels, flags);
	return o->fd < 0 ? o->fd : 0;
}

void m_object_close(struct m_object *o)
{
	if (o->efd >= 0)
		close(o->efd);
	if (o->fd >= 0)
		close(o->fd);
	o->efd = -1;
	o->fd = -1;
}

#define ROOM	((M_HOSTS + 2) * HP)

/* Room for a mapping of an object: nothing else gets there. */
static int reserve(struct m_slot *slot, size_t skew)
{
	slot->room = mmap(NULL, ROOM, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (slot->room == MAP_FAILED)
		return -errno;
	slot->base = (char *)(((uintptr_t)slot->room + HP - 1) & ~(HP - 1)) +
		     skew;
	return 0;
}

/*
 * An object is mapped where checks look at it, and in the first room; the others
 * begin empty. The last room is such that no host page can be mapped by one
 * entry.
 */
int m_actor_map(struct m_actor *a, unsigned int object)
{
	struct m_slot *first = &a->slots[object][0];
	struct m_object *o = &a->objects[object];
	unsigned int i;
	int ret = 0;

	a->look[object] = hp_map(o->fd, 0, M_HOSTS * HP);
	if (a->look[object] == MAP_FAILED)
		return -errno;
	for (i = 0; i < M_SLOTS && !ret; i++) {
		struct m_slot *slot = &a->slots[object][i];

		memset(slot->how, MAP_NOT, sizeof(slot->how));
		memset(slot->whole, 0, sizeof(slot->whole));
		ret = reserve(slot, i == M_SLOTS - 1 ? TP : 0);
	}
	if (ret)
		return ret;
	if (mmap(first->base, M_HOSTS * HP, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, o->fd, 0) == MAP_FAILED)
		return -errno;
	memset(first->how, MAP_IS | MAP_R | MAP_W, sizeof(first->how));
	memset(first->whole, true, sizeof(first->whole));
	return 0;
}

void m_actor_unmap(struct m_actor *a, unsigned int object)
{
	unsigned int i;

	munmap(a->look[object], M_HOSTS * HP);
	for (i = 0; i < M_SLOTS; i++)
		munmap(a->slots[object][i].room, ROOM);
}

static int actor_buffers(struct m_actor *a)
{
	size_t size = (M_BUFFER + 1) * TP;

	a->buffer = mmap(NULL, size + M_HOLE * TP, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	a->bounce = mmap(NULL, TP, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	a->memfd = memfd_create("model", MFD_CLOEXEC);
	if (a->buffer == MAP_FAILED || a->bounce == MAP_FAILED || a->memfd < 0)
		return -errno;
	if (mprotect(a->buffer + size, M_HOLE * TP, PROT_NONE) ||
	    ftruncate(a->memfd, size) || pipe2(a->pipe, O_NONBLOCK | O_CLOEXEC))
		return -errno;
	a->file = mmap(NULL, size, PROT_READ, MAP_SHARED, a->memfd, 0);
	if (a->file == MAP_FAILED)
		return -errno;
	/* Without a RAM disk there is no O_DIRECT: that step does nothing. */
	a->disk = open("/dev/ram0", O_RDWR | O_DIRECT | O_CLOEXEC);
	return 0;
}

int m_actor_start(struct m_actor *a, unsigned int id, bool alone,
		  struct m_object *objects, unsigned int nr,
		  struct m_report *report)
{
	unsigned int i;
	int ret;

	memset(a, 0, sizeof(*a));
	a->id = id;
	a->alone = alone;
	a->objects = objects;
	a->nr_objects = nr;
	a->report = report;
	ret = actor_buffers(a);
	for (i = 0; i < nr && !ret; i++)
		ret = m_actor_map(a, i);
	return ret;
}

void m_actor_end(struct m_actor *a)
{
	unsigned int i;

	for (i = 0; i < a->nr_objects; i++)
		m_actor_unmap(a, i);
	munmap(a->buffer, (M_BUFFER + 1 + M_HOLE) * TP);
	munmap(a->file, (M_BUFFER + 1) * TP);
	munmap(a->bounce, TP);
	close(a->memfd);
	close(a->pipe[0]);
	close(a->pipe[1]);
	if (a->disk >= 0)
		close(a->disk);
}

struct m_object *m_pick_object(struct m_actor *a, uint32_t r)
{
	return &a->objects[r % a->nr_objects];
}

/* A target page of the actor's; quite often one that somebody waits near. */
unsigned int m_pick_page(struct m_actor *a, struct m_object *o, uint32_t r)
{
	const struct m_helper *h = &a->helpers[r / M_PAGES % M_HELPERS];
	unsigned int page = r % M_PAGES;

	if (a->alone && h->busy && h->object == o->index && r >> 29 == 7)
		page = h->page - (h->page < page % 4 ? 0 : page % 4);
	while (!m_owned(a, o, page))
		page = (page + 1) % M_PAGES;
	return page;
}

/* How many target pages from @page on are the actor's, up to @most. */
unsigned int m_own_run(struct m_actor *a, struct m_object *o, unsigned int page,
		       unsigned int most)
{
	unsigned int n = 1;

	if (a->alone)
		return page + most <= M_PAGES ? most : M_PAGES - page;
	while (n < most && page + n < M_PAGES && m_owned(a, o, page + n))
		n++;
	return n;
}

/* A host page that is the actor's, or -1. */
int m_pick_host(struct m_actor *a, struct m_object *o, uint32_t r)
{
	unsigned int i;

	for (i = 0; i < M_HOSTS; i++)
		if (a->alone || o->hosts[(r + i) % M_HOSTS].owner == a->id)
			return (int)((r + i) % M_HOSTS);
	return -1;
}

/* With others, each actor has a channel of its own. */
uint32_t m_pick_channel(struct m_actor *a, struct m_object *o, uint32_t r)
{
	return a->alone ? r % o->nr_channels : a->id;
}
