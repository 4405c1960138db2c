// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: channels fill target pages.
 *
 * Channels share no lock: they meet only in the host page that both fill.
 */
#include <linux/nospec.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "control.h"
#include "hugepost_trace.h"

/* Target pages that are filled with one hold of a host page's lock. */
#define HP_FILL_HOLD	16U

/* A FILL under way; it ends when the channel's generation is another. */
struct hp_fill_ctx {
	struct hp_object *obj;
	struct hp_channel *ch;
	unsigned long generation;
	struct hugepost_fill *arg;
};

static const struct hugepost_fill_entry __user *
hp_next_entry(const struct hp_fill_ctx *ctx)
{
	const struct hugepost_fill_entry __user *entries =
		u64_to_user_ptr(ctx->arg->entries);

	return entries + ctx->arg->out_done;
}

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
 * Copies target pages from user space, with page faults off. Returns how many
 * were copied: fewer if the source is not there.
 */
static unsigned int hp_copy_run(struct folio *folio, unsigned int sub,
				unsigned int nr, u64 src)
{
	void *to = folio_address(folio) + ((size_t)sub << PAGE_SHIFT);
	const void __user *from = u64_to_user_ptr(src);
	size_t left;
	unsigned int i;

	if (!access_ok(from, nr * PAGE_SIZE))
		return 0;
	barrier_nospec();
	if (nr == HP_FILL_HOLD) {
		left = __copy_from_user_inatomic(to, from,
						 HP_FILL_HOLD * PAGE_SIZE);
		return nr - DIV_ROUND_UP(left, PAGE_SIZE);
	}
	for (i = 0; i < nr; i++)
		if (__copy_from_user_inatomic(to + i * PAGE_SIZE,
					      from + i * PAGE_SIZE, PAGE_SIZE))
			break;
	return i;
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
	unsigned int i, done;

	lockdep_assert_held(&hp->lock);
	for (i = 0; i < nr && !hp_folio_poisoned(hp->folio, sub + i); i++)
		;
	if (!i)
		*ret = -EHWPOISON;
	nr = i;
	if (e->flags & HUGEPOST_FILL_ZERO) {
		for (i = 0; i < nr; i++)
			hp_folio_clear(hp->folio, sub + i);
		return nr;
	}
	done = hp_copy_run(hp->folio, sub, nr, e->src);
	if (done < nr)
		*ret = -EFAULT;
	ctx->ch->bytes += (u64)done << PAGE_SHIFT;
	ctx->arg->out_bytes += (u64)done << PAGE_SHIFT;
	return done;
}

/* How many of @nr target pages are present, or missing, as the first one is? */
static unsigned int hp_run_length(struct hp_hostpage *hp, unsigned int sub,
				  unsigned int nr, bool present)
{
	lockdep_assert_held(&hp->lock);
	if (nr == 1 || !hp->bits)
		return nr;
	if (present)
		return find_next_zero_bit(hp->bits->present, sub + nr, sub) -
		       sub;
	return find_next_bit(hp->bits->present, sub + nr, sub) - sub;
}

/*
 * Goes on to the next entry if it is one target page that follows in the same
 * way. If not, or if it cannot be read just now, @e is at its end.
 */
static void hp_next_in_run(struct hp_fill_ctx *ctx,
			   struct hugepost_fill_entry *e)
{
	u64 offset = e->offset;
	u32 flags = e->flags;

	if (++ctx->arg->out_done == ctx->arg->nr)
		return;
	if (!hp_get_words(e, hp_next_entry(ctx), sizeof(*e)) ||
	    e->offset != offset || e->len != PAGE_SIZE || e->flags != flags ||
	    (flags & HUGEPOST_FILL_ZERO) || e->__reserved)
		e->len = 0;
}

/*
 * Fills target pages from @first as the entries say, up to @end. @e is moved on
 * with what is done, to the next entries if they follow. Returns where it ended;
 * *@ret is -EAGAIN if the host page lacks memory.
 */
static unsigned int hp_fill_hold(struct hp_fill_ctx *ctx,
				 struct hp_hostpage *hp, unsigned long hidx,
				 unsigned int first, unsigned int end,
				 struct hugepost_fill_entry *e, int *ret)
{
	const bool replace = e->flags & HUGEPOST_FILL_REPLACE;
	const bool zero = e->flags & HUGEPOST_FILL_ZERO;
	unsigned int sub, nr, filled = 0, replaced = 0;
	struct hp_channel *ch = ctx->ch;
	bool present;

	for (sub = first; sub < end && e->len && !*ret; sub += nr) {
		nr = min_t(u64, e->len >> PAGE_SHIFT, end - sub);
		present = hp_hostpage_present(hp, sub);
		nr = hp_run_length(hp, sub, nr, present);
		if (present && !replace) {
			ch->duplicates += nr;
			ctx->arg->out_duplicates += nr;
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

		e->offset += (u64)nr << PAGE_SHIFT;
		e->len -= (u64)nr << PAGE_SHIFT;
		if (!zero)
			e->src += (u64)nr << PAGE_SHIFT;
		if (!e->len)
			hp_next_in_run(ctx, e);
	}
	if (filled)
		hp_channel_account(ch, hidx, filled, zero);
	if (replaced) /* pairs with hp_object_filled() */
		smp_store_release(&ch->replaced, ch->replaced + replaced);
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
	hp_channel_account(ctx->ch, hidx, HP_SUBS, true);
	e->offset += HP_HOST_SIZE;
	e->len -= HP_HOST_SIZE;
	if (!e->len)
		ctx->arg->out_done++;
	return true;
}

/*
 * Does a part of the entry, and maybe of those that follow it: what can be done
 * with one hold of the host page's lock. What is lacking is got without it.
 */
static int hp_fill_some(struct hp_fill_ctx *ctx, struct hugepost_fill_entry *e)
{
	unsigned long hidx = e->offset >> HP_HOST_SHIFT;
	unsigned int first = (e->offset >> PAGE_SHIFT) % HP_SUBS;
	unsigned int end = min(first + HP_FILL_HOLD, (unsigned int)HP_SUBS);
	bool zero = e->flags & HUGEPOST_FILL_ZERO;
	struct hp_object *obj = ctx->obj;
	struct hp_leftover left = {};
	struct hp_hostpage *hp;
	int ret = 0;

	hp = hp_hostpage_get(obj, hidx);
	if (!hp)
		return -ENOMEM;

	pagefault_disable();
	spin_lock(&hp->lock);
	if (hp_channel_reset_since(ctx->ch, ctx->generation))
		ret = -ECANCELED;
	else if (hp_fill_zero(ctx, hp, hidx, e))
		end = HP_SUBS;
	else
		end = hp_fill_hold(ctx, hp, hidx, first, end, e, &ret);
	if (hp_hostpage_complete(hp))
		hp_hostpage_settle(obj, hp, &left);
	spin_unlock(&hp->lock);
	pagefault_enable();

	hp_leftover_free(obj, &left);
	if (end > first)
		hp_hostpage_announce(obj, hidx * HP_SUBS + first,
				     hidx * HP_SUBS + end);
	if (ret == -EAGAIN)
		ret = hp_hostpage_prepare(obj, hp, hidx, zero, &ctx->ch->spare);
	else if (ret == -EFAULT &&
		 !fault_in_readable(u64_to_user_ptr(e->src), PAGE_SIZE))
		ret = 0;
	if (fatal_signal_pending(current))
		ret = -EINTR;
	if (ret)
		hp_hostpage_tidy(obj, hp);
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
		if (!hp_get_words(&e, hp_next_entry(ctx), sizeof(e)))
			return -EFAULT;
		ret = hp_fill_entry(ctx, &e);
	}
	return ret;
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
	ctx.generation = READ_ONCE(ch->generation);
	if (ch->known != ctx.generation)
		hp_channel_forget(ch);
	WRITE_ONCE(ch->known, ctx.generation);

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
 * A FILL under way looks at the generation with each hold of a host page's lock,
 * within which no RCU grace period ends: after one, it changes nothing any more.
 * What the channel shows of its host page is forgotten with the next FILL.
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
	return 0;
}
