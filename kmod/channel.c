// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: channels fill target pages.
 *
 * Channels share no lock: they meet only in the host page that both fill.
 */
#include <linux/nospec.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "control.h"
#include "hugepost_trace.h"

/* Entries that are read from user space at a time. */
#define HP_FILL_BATCH	16

/* A FILL under way. */
struct hp_fill_ctx {
	struct hp_object *obj;
	struct hp_channel *ch;
	struct hp_ticket ticket;
	struct hugepost_fill *arg;
};

static struct hp_channel *hp_channel_find(struct hp_object *obj, u32 index)
{
	if (index >= obj->nr_channels)
		return NULL;
	return &obj->channels[array_index_nospec(index, obj->nr_channels)];
}

static void hp_channel_forget(struct hp_channel *ch)
{
	ch->host_page = HUGEPOST_NO_PAGE;
	ch->host_page_filled = 0;
	ch->all_zero = false;
}

/* Accounts @nr target pages of host page @hidx that this channel filled. */
static void hp_channel_account(struct hp_channel *ch, unsigned long hidx,
			       unsigned int nr, bool zero)
{
	if (ch->host_page != hidx) {
		ch->host_page = hidx;
		ch->host_page_filled = 0;
		ch->all_zero = true;
	}
	ch->host_page_filled += nr;
	ch->pages += nr;
	if (zero)
		ch->zero_pages += nr;
	else
		ch->all_zero = false;
}

/*
 * Writes a run of a folio: zeros, or bytes from user space. The folio is kept
 * by the caller, which has claimed the run or holds a reference. *@end is set
 * to the end of what was written.
 */
static int hp_write_run(struct hp_fill_ctx *ctx, struct folio *folio,
			unsigned int first, unsigned int *end, u64 src,
			bool zero)
{
	size_t len = (size_t)(*end - first) << PAGE_SHIFT;
	size_t left;

	if (hp_folio_poisoned(folio, first, *end)) {
		*end = first;
		return -EHWPOISON;
	}
	if (zero) {
		hp_folio_clear(folio, first, *end - first);
		return 0;
	}

	left = copy_from_user(folio_address(folio) +
			      ((size_t)first << PAGE_SHIFT),
			      u64_to_user_ptr(src), len);
	len = round_down(len - left, PAGE_SIZE);
	*end = first + (len >> PAGE_SHIFT);
	ctx->ch->bytes += len;
	ctx->arg->out_bytes += len;
	if (!left)
		return 0;
	return fatal_signal_pending(current) ? -EINTR : -EFAULT;
}

/* Copies into a run that is claimed, and publishes what could be copied. */
static int hp_fill_run(struct hp_fill_ctx *ctx, struct hp_hostpage *hp,
		       unsigned long hidx, unsigned int first, unsigned int end,
		       u64 src, bool zero)
{
	unsigned int done = end;
	int ret;

	ret = hp_write_run(ctx, hp->folio, first, &done, src, zero);
	if (done < end)
		hp_hostpage_unclaim(ctx->obj, hp, hidx, done, end);
	if (first == done)
		return ret;
	if (!hp_hostpage_publish(ctx->obj, hp, hidx, first, done, &ctx->ticket))
		return -ECANCELED;
	hp_channel_account(ctx->ch, hidx, done - first, zero);
	return ret;
}

/*
 * Overwrites a run that is present. If the host page has no folio, zeros stay
 * zeros and other bytes get one. -EAGAIN: the run was discarded meanwhile.
 */
static int hp_replace_run(struct hp_fill_ctx *ctx, struct hp_hostpage *hp,
			  unsigned long hidx, unsigned int first,
			  unsigned int end, u64 src, bool zero)
{
	struct hp_object *obj = ctx->obj;
	struct folio *folio = NULL;
	struct hp_bits *none = NULL;
	bool present;
	int ret = 0;

	spin_lock(&hp->lock);
	present = hp_hostpage_complete(hp) ||
		  (hp->bits && find_next_zero_bit(hp->bits->present, end,
						  first) >= end);
	if (present && hp->staged) {
		folio = hp->folio;
		folio_get(folio);
	}
	spin_unlock(&hp->lock);

	if (!present)
		return -EAGAIN;
	if (folio) {
		ret = hp_write_run(ctx, folio, first, &end, src, zero);
		folio_put(folio);
	} else if (!zero) {
		if (!hp_hostpage_has_folio(hp)) {
			folio = hp_folio_alloc_fill(obj, hidx,
						    &ctx->ch->spare);
			if (!folio)
				return -ENOMEM;
		}
		hp_hostpage_materialise(obj, hp, hidx, folio, &none);
		return -EAGAIN;
	}
	hp_channel_account(ctx->ch, hidx, end - first, zero);
	/* pairs with hp_object_filled() */
	smp_store_release(&ctx->ch->replaced,
			  ctx->ch->replaced + end - first);
	return ret;
}

/* Fills target pages [first, end) of one host page. */
static int hp_fill_hostpage(struct hp_fill_ctx *ctx, unsigned long hidx,
			    unsigned int first, unsigned int end, u64 src,
			    u32 flags)
{
	bool zero = flags & HUGEPOST_FILL_ZERO;
	struct hp_object *obj = ctx->obj;
	struct hp_channel *ch = ctx->ch;
	struct hp_hostpage *hp;
	int ret = 0;

	hp = hp_hostpage_get(obj, hidx);
	if (!hp)
		return -ENOMEM;

	if (zero && !first && end == HP_SUBS &&
	    hp_hostpage_mark_zero(obj, hp, &ctx->ticket)) {
		hp_channel_account(ch, hidx, HP_SUBS, true);
		hp_hostpage_announce(obj, hidx * HP_SUBS, (hidx + 1) * HP_SUBS);
		return 0;
	}

	while (first < end) {
		unsigned int run = end;

		switch (hp_hostpage_claim(obj, hp, first, &run, zero,
					  &ctx->ticket)) {
		case HP_CLAIMED:
			ret = hp_fill_run(ctx, hp, hidx, first, run, src, zero);
			break;
		case HP_CLAIM_ZEROED:
			hp_channel_account(ch, hidx, run - first, true);
			hp_hostpage_announce(obj, hidx * HP_SUBS + first,
					     hidx * HP_SUBS + run);
			break;
		case HP_CLAIM_PRESENT:
			if (flags & HUGEPOST_FILL_REPLACE) {
				ret = hp_replace_run(ctx, hp, hidx, first, run,
						     src, zero);
				break;
			}
			ch->duplicates += run - first;
			ctx->arg->out_duplicates += run - first;
			break;
		case HP_CLAIM_BUSY:
			ret = hp_wait_claim(obj, hidx * HP_SUBS + first, ch,
					    ctx->ticket.generation);
			run = first;
			break;
		case HP_CLAIM_MEMORY:
			ret = hp_hostpage_prepare(obj, hp, hidx, zero,
						  &ch->spare);
			run = first;
			break;
		case HP_CLAIM_INVALID:
			return -ECANCELED;
		}
		if (ret == -EAGAIN)
			continue;
		if (ret)
			return ret;
		if (!zero)
			src += (u64)(run - first) << PAGE_SHIFT;
		first = run;
	}
	return 0;
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

static int hp_fill_range(struct hp_fill_ctx *ctx,
			 const struct hugepost_fill_entry *e)
{
	pgoff_t tp = e->offset >> PAGE_SHIFT;
	pgoff_t end = (e->offset + e->len) >> PAGE_SHIFT;
	u64 src = e->src;
	int ret;

	while (tp < end) {
		unsigned long hidx = hp_pgoff_to_hidx(tp);
		pgoff_t base = hidx * HP_SUBS;
		pgoff_t stop = min_t(pgoff_t, end, base + HP_SUBS);

		if (hp_channel_reset_since(ctx->ch, ctx->ticket.generation))
			return -ECANCELED;
		if (fatal_signal_pending(current))
			return -EINTR;
		ret = hp_fill_hostpage(ctx, hidx, tp - base, stop - base, src,
				       e->flags);
		if (ret)
			return ret;
		if (!(e->flags & HUGEPOST_FILL_ZERO))
			src += (u64)(stop - tp) << PAGE_SHIFT;
		tp = stop;
		cond_resched();
	}
	return 0;
}

/*
 * A channel that may replace says so before it looks at the mode; ARM sets the
 * mode before it looks at the channels. One of the two sees the other.
 */
static int hp_fill_entry(struct hp_fill_ctx *ctx,
			 const struct hugepost_fill_entry *e)
{
	struct hp_channel *ch = ctx->ch;
	int ret;

	ret = hp_fill_check(ctx, e);
	if (ret)
		return ret;
	if (!(e->flags & HUGEPOST_FILL_REPLACE))
		return hp_fill_range(ctx, e);

	smp_store_mb(ch->replacing, 1); /* pairs with hp_arm_locked() */
	if (hp_mode(ctx->obj) == HUGEPOST_MODE_UNARMED)
		ret = hp_fill_range(ctx, e);
	else
		ret = -EBUSY;
	/* What was replaced is seen by whoever ARM lets in. */
	smp_store_release(&ch->replacing, 0);
	return ret;
}

static int hp_fill_entries(struct hp_fill_ctx *ctx)
{
	struct hugepost_fill_entry batch[HP_FILL_BATCH];
	struct hugepost_fill *arg = ctx->arg;
	int ret = 0;

	while (arg->out_done < arg->nr) {
		u32 i, n = min_t(u32, arg->nr - arg->out_done, HP_FILL_BATCH);

		if (copy_from_user(batch,
				   u64_to_user_ptr(arg->entries) +
				   arg->out_done * sizeof(*batch),
				   n * sizeof(*batch)))
			return -EFAULT;
		for (i = 0; i < n; i++) {
			ret = hp_fill_entry(ctx, &batch[i]);
			if (ret)
				return ret;
			arg->out_done++;
		}
	}
	return 0;
}

int hp_fill(struct hp_object *obj, struct hp_ucmd *cmd)
{
	struct hugepost_fill *arg = &cmd->arg.fill;
	struct hp_fill_ctx ctx = { .obj = obj, .arg = arg };
	struct hp_channel *ch = hp_channel_find(obj, arg->channel);
	bool had_spare;
	u64 pages;
	int ret;

	if (arg->__reserved || !arg->nr || arg->nr > HUGEPOST_FILL_MAX)
		return -EINVAL;
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
	ctx.ticket.ch = ch;
	ctx.ticket.generation = READ_ONCE(ch->generation);
	if (ch->known != ctx.ticket.generation)
		hp_channel_forget(ch);
	WRITE_ONCE(ch->known, ctx.ticket.generation);

	ret = hp_fill_entries(&ctx);

	trace_hugepost_fill(obj, arg, ret);
	/* All waiters were woken: a good time to stage for the next page. */
	if (had_spare && !ch->spare)
		ch->spare = hp_folio_alloc(obj, NULL, 0);
	pages = ch->pages - pages;
	clear_bit_unlock(0, &ch->busy);
	if (pages)
		hp_report_progress(obj);
	return ret;
}

/*
 * Makes the ticket of a FILL under way invalid. The FILL itself ends at the next
 * look at it; what it shows of the channel's host page is forgotten then.
 */
int hp_reset(struct hp_object *obj, struct hp_ucmd *cmd)
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
	hp_wake_all(obj);
	return 0;
}
