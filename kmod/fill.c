// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: channels fill target pages.
 *
 * Channels share no lock: they meet only in the host page that both fill. What is
 * a channel's own belongs to the thread that holds its busy bit.
 */
#include <linux/pagemap.h>
#include <linux/sched/signal.h>

#include "channel.h"
#include "discard.h"
#include "fill.h"
#include "folio.h"
#include "hugepost_trace.h"
#include "netlink_events.h"
#include "policy.h"
#include "stall.h"

/* Target pages that are filled with one hold of a host page's lock. */
#define HP_FILL_HOLD	32U

/* A FILL under way; it ends when the channel's generation is another. */
struct hp_fill_ctx {
	struct hp_object *obj;
	struct hp_channel *ch;
	unsigned long generation;
	struct hugepost_fill *arg;
	const void __user *entries;
	size_t entry_size;
};

static void hp_account_duplicates(struct hp_fill_ctx *ctx, unsigned int nr)
{
	ctx->ch->duplicates += nr;
	ctx->arg->out_duplicates += nr;
}

/* Moves the entry on by @nr target pages. */
static void hp_entry_done(struct hp_fill_ctx *ctx,
			  struct hugepost_fill_entry *e, unsigned int nr)
{
	u64 len = (u64)nr << PAGE_SHIFT;

	e->offset += len;
	e->len -= len;
	if (!(e->flags & HUGEPOST_FILL_ZERO))
		e->src += len;
	if (!e->len)
		ctx->arg->out_done++;
}

/*
 * Writes @nr target pages of a staged host page. Returns how many were written;
 * *@ret says what ended it early.
 */
static unsigned int hp_write_run(struct hp_fill_ctx *ctx,
				 struct hp_hostpage *hp, unsigned int sub,
				 unsigned int nr,
				 const struct hugepost_fill_entry *e, int *ret)
{
	unsigned int i;

	lockdep_assert_held(&hp->lock);
	hp->staged = HP_STAGED;
	if (hp_folio_bad(hp->folio)) {
		for (i = 0; i < nr && !hp_folio_poisoned(hp->folio, sub + i);)
			i++;
		if (!i)
			*ret = -EHWPOISON;
		nr = i;
	}
	if (e->flags & HUGEPOST_FILL_ZERO) {
		for (i = 0; i < nr; i++)
			hp_folio_clear(hp->folio, sub + i);
		return nr;
	}
	if (nr == HP_FILL_HOLD)
		i = nr - DIV_ROUND_UP(hp_copy_pages(hp->folio, sub,
						    HP_FILL_HOLD, e->src),
				      PAGE_SIZE);
	else
		for (i = 0; i < nr; i++)
			if (hp_copy_pages(hp->folio, sub + i, 1,
					  e->src + i * PAGE_SIZE))
				break;
	if (i < nr)
		*ret = -EFAULT;
	ctx->arg->out_bytes += i * PAGE_SIZE;
	return i;
}

/*
 * The way of most target pages: entries of one target page each that follow each
 * other, up to @end. @e is the first of them; it is left at one that goes
 * another way, or at its end. Returns where it ended. @entry_size is a constant
 * where it is the size that most callers have.
 */
static __always_inline unsigned int
hp_fill_singles(struct hp_fill_ctx *ctx, struct hp_hostpage *hp,
		unsigned long hidx, unsigned int first, unsigned int end,
		struct hugepost_fill_entry *e, size_t entry_size)
{
	u32 filled = 0, next = ctx->arg->out_done;
	const void __user *from = ctx->entries + next * entry_size;
	unsigned int sub = first;
	u64 offset = e->offset;

	while (sub < end) {
		if (!hp_hostpage_present(hp, sub)) {
			if (hp_folio_poisoned(hp->folio, sub) ||
			    hp_copy_pages(hp->folio, sub, 1, e->src))
				break;
			__set_bit(sub, hp->bits->present);
			filled++;
		}
		sub++;
		offset += PAGE_SIZE;
		from += entry_size;
		if (++next == ctx->arg->nr ||
		    hp_get_entry(e, from, entry_size) ||
		    e->offset != offset || !hp_is_single(e)) {
			e->len = 0;
			break;
		}
	}
	if (sub == HP_SUBS) /* what follows was not checked to be in range */
		e->len = 0;
	hp->nr_present += filled;
	ctx->arg->out_done += sub - first;
	hp_account_duplicates(ctx, sub - first - filled);
	ctx->arg->out_bytes += filled * PAGE_SIZE;
	if (filled)
		hp_channel_account(ctx->ch, hp, hidx, filled, false);
	return sub;
}

/*
 * Fills target pages from @first as the entry says, up to @end. @e is moved on
 * with what is done. Returns where it ended; *@ret is -EAGAIN if the host page
 * lacks memory.
 */
static unsigned int hp_fill_hold(struct hp_fill_ctx *ctx,
				 struct hp_hostpage *hp, unsigned long hidx,
				 unsigned int first, unsigned int end,
				 struct hugepost_fill_entry *e, int *ret)
{
	const bool replace = e->flags & HUGEPOST_FILL_REPLACE;
	const bool zero = e->flags & HUGEPOST_FILL_ZERO;
	unsigned int sub = first, stop, nr, filled = 0, replaced = 0;
	bool present;

	if ((hp->bits ? hp->staged : hp_hostpage_complete(hp)) &&
	    hp_is_single(e))
		sub = likely(ctx->entry_size == sizeof(*e)) ?
		      hp_fill_singles(ctx, hp, hidx, sub, end, e, sizeof(*e)) :
		      hp_fill_singles(ctx, hp, hidx, sub, end, e,
				      ctx->entry_size);

	for (; sub < end && e->len && !*ret; sub += nr) {
		stop = sub + min_t(u64, e->len >> PAGE_SHIFT, end - sub);
		present = hp_hostpage_present(hp, sub);
		if (hp->bits && present)
			stop = find_next_zero_bit(hp->bits->present, stop, sub);
		else if (hp->bits)
			stop = find_next_bit(hp->bits->present, stop, sub);
		nr = stop - sub;
		if (present && !replace) {
			hp_account_duplicates(ctx, nr);
		} else if (!present && !hp->bits) {
			*ret = -EAGAIN;
			break;
		} else if (hp->staged) {
			nr = hp_write_run(ctx, hp, sub, nr, e, ret);
		} else if (!zero) {
			*ret = -EAGAIN;
			break;
		}
		if (!present)
			hp_hostpage_set_present(hp, sub, nr);
		if (!present || replace)
			filled += nr;
		if (present && replace)
			replaced += nr;
		hp_entry_done(ctx, e, nr);
	}
	if (filled)
		hp_channel_account(ctx->ch, hp, hidx, filled, zero);
	if (replaced) /* pairs with hp_object_filled() */
		smp_store_release(&ctx->ch->replaced,
				  ctx->ch->replaced + replaced);
	return sub;
}

/* Fills a host page of zeros, if it is empty. */
static bool hp_fill_zero(struct hp_fill_ctx *ctx, struct hp_hostpage *hp,
			 unsigned long hidx, struct hugepost_fill_entry *e)
{
	if (!(e->flags & HUGEPOST_FILL_ZERO) || e->len < HP_HOST_SIZE ||
	    !IS_ALIGNED(e->offset, HP_HOST_SIZE) ||
	    !hp_hostpage_set_zero(ctx->obj, hp))
		return false;
	hp_channel_account(ctx->ch, hp, hidx, HP_SUBS, true);
	hp_entry_done(ctx, e, HP_SUBS);
	return true;
}

/*
 * Touches each line of a target page's source: a memory error that is not where
 * the page begins would otherwise be met again and again, which the kernel takes
 * a few times and then panics.
 */
static int hp_fill_touch(u64 src)
{
	unsigned int off = src % L1_CACHE_BYTES, n;

	for (n = 0; n < off + PAGE_SIZE; n += L1_CACHE_BYTES)
		if (fault_in_readable(u64_to_user_ptr(src - off + n), 1))
			return -EFAULT;
	return 0;
}

/*
 * Gets what a host page lacks to take target pages: bits and, for other bytes
 * than zeros, a folio, from @spare if need be. The caller looks anew.
 */
static int hp_fill_prepare(struct hp_object *obj, struct hp_hostpage *hp,
			   unsigned long hidx, bool zero, struct folio **spare)
{
	struct folio *folio = NULL;
	struct hp_bits *bits = NULL;
	bool need_folio = !zero && !READ_ONCE(hp->staged);
	bool need_bits = !READ_ONCE(hp->bits);

	if (need_folio && !READ_ONCE(hp->folio)) {
		folio = hp_policy_alloc_fill(obj, hidx, spare);
		if (!folio)
			return -ENOMEM;
	}
	if (need_bits) {
		bits = hp_bits_alloc(&obj->mem, false);
		if (!bits) {
			if (folio)
				hp_folio_free(&obj->mem, folio);
			return -ENOMEM;
		}
	}

	hp_stall("fill-prepared");
	if (need_folio) {
		hp_hostpage_materialise(obj, hp, hidx, folio, &bits);
	} else {
		spin_lock(&hp->lock);
		hp_hostpage_attach_bits(obj, hp, &bits);
		spin_unlock(&hp->lock);
	}
	hp_bits_free(&obj->mem, bits);
	return 0;
}

/*
 * Does a part of the entry, and maybe of those that follow it, in one host page,
 * with one hold of its lock after the other. What is lacking is got without it.
 */
static int hp_fill_some(struct hp_fill_ctx *ctx, struct hugepost_fill_entry *e)
{
	unsigned long hidx = e->offset >> HP_HOST_SHIFT;
	unsigned int first = (e->offset >> PAGE_SHIFT) % HP_SUBS;
	bool zero = e->flags & HUGEPOST_FILL_ZERO;
	struct hp_object *obj = ctx->obj;
	unsigned int sub = first;
	struct hp_hostpage *hp;
	int ret = 0;

	hp = hp_hostpage_get(obj, hidx);
	if (!hp)
		return -ENOMEM;

	pagefault_disable();
	do {
		struct hp_leftover left = {};

		hp_stall("fill-hold");
		spin_lock(&hp->lock);
		if (hp_channel_reset_since(ctx->ch, ctx->generation))
			ret = -ECANCELED;
		else if (hp_fill_zero(ctx, hp, hidx, e))
			sub = HP_SUBS;
		else
			sub = hp_fill_hold(ctx, hp, hidx, sub,
					   min_t(unsigned long, HP_SUBS,
						 sub + HP_FILL_HOLD), e, &ret);
		if (hp_hostpage_complete(hp))
			hp_hostpage_settle(obj, hp, &left);
		spin_unlock(&hp->lock);
		hp_leftover_free(obj, &left);
	} while (!ret && e->len && sub < HP_SUBS && !need_resched());
	pagefault_enable();

	if (sub > first)
		hp_announce(obj, hidx * HP_SUBS + first,
			    hidx * HP_SUBS + sub);
	if (ret == -EAGAIN)
		ret = hp_fill_prepare(obj, hp, hidx, zero, &ctx->ch->spare);
	else if (ret == -EFAULT)
		ret = hp_fill_touch(e->src);
	if (fatal_signal_pending(current))
		ret = -EINTR;
	if (ret) /* empty again, if nothing came of what was prepared */
		hp_discard_hostpage(obj, hp, hidx, 0, 0);
	cond_resched();
	return ret;
}

static int hp_fill_check(struct hp_fill_ctx *ctx,
			 const struct hugepost_fill_entry *e)
{
	if (e->flags & ~(HUGEPOST_FILL_ZERO | HUGEPOST_FILL_REPLACE))
		return -EOPNOTSUPP;
	if (e->__reserved || ((e->flags & HUGEPOST_FILL_ZERO) && e->src))
		return -EINVAL;
	return hp_check_range(ctx->obj, e->offset, e->len);
}

/*
 * A channel that may replace says so before it looks at the mode; ARM sets the
 * mode before it looks at the channels. One of the two sees the other.
 */
static int hp_fill_entry(struct hp_fill_ctx *ctx, struct hugepost_fill_entry *e)
{
	bool replace = e->flags & HUGEPOST_FILL_REPLACE;
	struct hp_channel *ch = ctx->ch;
	int ret;

	ret = hp_fill_check(ctx, e);
	if (ret)
		return ret;
	if (replace) {
		smp_store_mb(ch->replacing, 1); /* pairs with hp_arm_locked() */
		if (hp_mode(ctx->obj) != HUGEPOST_MODE_UNARMED)
			ret = -EBUSY;
	}
	while (!ret && e->len)
		ret = hp_fill_some(ctx, e);
	if (replace) /* What was replaced is seen by whoever ARM lets in. */
		smp_store_release(&ch->replacing, 0);
	return ret;
}

static int hp_fill_entries(struct hp_fill_ctx *ctx)
{
	struct hugepost_fill_entry e;
	int ret = 0;

	while (!ret && ctx->arg->out_done < ctx->arg->nr) {
		ret = hp_get_entry(&e, ctx->entries + ctx->arg->out_done *
				   ctx->entry_size, ctx->entry_size) ?:
		      hp_fill_entry(ctx, &e);
	}
	return ret;
}

static int hp_fill(struct hp_object *obj, struct hp_ucmd *cmd)
{
	struct hugepost_fill *arg = &cmd->arg.fill;
	struct hp_fill_ctx ctx = {
		.obj = obj,
		.arg = arg,
		.entries = u64_to_user_ptr(arg->entries),
	};
	struct hp_channel *ch = hp_channel_find(obj, arg->channel);
	u64 pages, hidx;
	bool had_spare;
	int ret;

	if (!arg->nr || arg->nr > HUGEPOST_FILL_MAX)
		return -EINVAL;
	ret = hp_element_size(arg->entry_size, HUGEPOST_FILL_ENTRY_SIZE_VER0);
	if (ret < 0)
		return ret;
	ctx.entry_size = ret;
	arg->out_done = 0;
	arg->out_bytes = 0;
	arg->out_duplicates = 0;
	if (!ch)
		return -ENOENT;
	if (test_and_set_bit_lock(0, &ch->busy))
		return -EBUSY;

	had_spare = ch->spare;
	pages = ch->pages;
	ctx.ch = ch;
	ctx.generation = READ_ONCE(ch->generation);
	if (ch->known != ctx.generation) {
		ch->page = NULL;
		ch->host_page = HUGEPOST_NO_PAGE;
	}
	WRITE_ONCE(ch->known, ctx.generation);
	hidx = ch->host_page;

	ret = hp_fill_entries(&ctx);

	trace_hugepost_fill(obj, arg, ret);
	/* All waiters were woken: a good time to stage for the next page. */
	if ((had_spare || ch->host_page != hidx) && !ch->spare &&
	    !obj->mem.prealloc)
		ch->spare = hp_folio_alloc(&obj->mem, NULL, 0);
	pages = ch->pages - pages;
	clear_bit_unlock(0, &ch->busy);
	if (pages)
		hp_report_progress(obj);
	return ret;
}

/*
 * A FILL under way looks at the generation with each hold of a host page's lock,
 * within which no RCU grace period ends: after one, it changes nothing any more.
 * What the channel shows of its host page is forgotten with the next FILL.
 */
static int hp_reset(struct hp_object *obj, struct hp_ucmd *cmd)
{
	struct hugepost_reset *arg = &cmd->arg.reset;
	struct hp_channel *ch = hp_channel_find(obj, arg->channel);

	if (arg->__reserved)
		return -EINVAL;
	if (!ch)
		return -ENOENT;

	mutex_lock(&obj->arm_lock);
	WRITE_ONCE(ch->generation, ch->generation + 1);
	ch->resets++;
	mutex_unlock(&obj->arm_lock);
	synchronize_rcu();
	return 0;
}

const struct hp_ioctl_op hp_op_fill =
	HP_OP(FILL, hp_fill, struct hugepost_fill, out_duplicates, 0, HP_CHANGE);

const struct hp_ioctl_op hp_op_reset =
	HP_OP(RESET, hp_reset, struct hugepost_reset, __reserved, 0, HP_CHANGE);
