/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: tracepoints. An object is named by the inode number of its address
 * space, which no two objects share.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM hugepost

#if !defined(HUGEPOST_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define HUGEPOST_TRACE_H

#include <linux/tracepoint.h>

#include "private.h"

TRACE_EVENT(hugepost_fault,
	TP_PROTO(struct hp_object *obj, const struct vm_fault *vmf,
		 vm_fault_t result),
	TP_ARGS(obj, vmf, result),
	TP_STRUCT__entry(
		__field(unsigned long, object)
		__field(pgoff_t, tp)
		__field(unsigned long, address)
		__field(unsigned int, flags)
		__field(unsigned int, result)
	),
	TP_fast_assign(
		__entry->object = obj->inode->i_ino;
		__entry->tp = vmf->pgoff;
		__entry->address = vmf->address;
		__entry->flags = vmf->flags;
		__entry->result = (__force unsigned int)result;
	),
	TP_printk("object=%lu page=%lu address=%#lx flags=%#x result=%#x",
		  __entry->object, __entry->tp, __entry->address,
		  __entry->flags, __entry->result)
);

TRACE_EVENT(hugepost_event,
	TP_PROTO(struct hp_object *obj, const struct vm_fault *vmf),
	TP_ARGS(obj, vmf),
	TP_STRUCT__entry(
		__field(unsigned long, object)
		__field(pgoff_t, tp)
		__field(unsigned int, flags)
	),
	TP_fast_assign(
		__entry->object = obj->inode->i_ino;
		__entry->tp = vmf->pgoff;
		__entry->flags = vmf->flags;
	),
	TP_printk("object=%lu page=%lu flags=%#x", __entry->object, __entry->tp,
		  __entry->flags)
);

TRACE_EVENT(hugepost_fill,
	TP_PROTO(struct hp_object *obj, const struct hugepost_fill *arg,
		 int result),
	TP_ARGS(obj, arg, result),
	TP_STRUCT__entry(
		__field(unsigned long, object)
		__field(u32, channel)
		__field(u32, nr)
		__field(u32, done)
		__field(u64, bytes)
		__field(u64, duplicates)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->object = obj->inode->i_ino;
		__entry->channel = arg->channel;
		__entry->nr = arg->nr;
		__entry->done = arg->out_done;
		__entry->bytes = arg->out_bytes;
		__entry->duplicates = arg->out_duplicates;
		__entry->result = result;
	),
	TP_printk("object=%lu channel=%u entries=%u done=%u bytes=%llu duplicates=%llu result=%d",
		  __entry->object, __entry->channel, __entry->nr, __entry->done,
		  __entry->bytes, __entry->duplicates, __entry->result)
);

TRACE_EVENT(hugepost_install,
	TP_PROTO(struct hp_object *obj, const struct hugepost_install *arg,
		 int result),
	TP_ARGS(obj, arg, result),
	TP_STRUCT__entry(
		__field(unsigned long, object)
		__field(u64, addr)
		__field(u64, length)
		__field(u64, huge)
		__field(u64, single)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->object = obj->inode->i_ino;
		__entry->addr = arg->addr;
		__entry->length = arg->length;
		__entry->huge = arg->out_huge;
		__entry->single = arg->out_single;
		__entry->result = result;
	),
	TP_printk("object=%lu address=%#llx length=%llu huge=%llu single=%llu result=%d",
		  __entry->object, __entry->addr, __entry->length,
		  __entry->huge, __entry->single, __entry->result)
);

TRACE_EVENT(hugepost_discard,
	TP_PROTO(struct hp_object *obj, const struct hugepost_discard *arg,
		 int result),
	TP_ARGS(obj, arg, result),
	TP_STRUCT__entry(
		__field(unsigned long, object)
		__field(u64, offset)
		__field(u64, length)
		__field(u64, pages)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->object = obj->inode->i_ino;
		__entry->offset = arg->offset;
		__entry->length = arg->length;
		__entry->pages = arg->out_pages;
		__entry->result = result;
	),
	TP_printk("object=%lu offset=%#llx length=%llu pages=%llu result=%d",
		  __entry->object, __entry->offset, __entry->length,
		  __entry->pages, __entry->result)
);

TRACE_EVENT(hugepost_collapse,
	TP_PROTO(struct hp_object *obj, const struct hugepost_collapse *arg,
		 int result),
	TP_ARGS(obj, arg, result),
	TP_STRUCT__entry(
		__field(unsigned long, object)
		__field(u64, addr)
		__field(u64, length)
		__field(u64, run)
		__field(u64, run_length)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->object = obj->inode->i_ino;
		__entry->addr = arg->addr;
		__entry->length = arg->length;
		__entry->run = arg->out_addr;
		__entry->run_length = arg->out_length;
		__entry->result = result;
	),
	TP_printk("object=%lu address=%#llx length=%llu run=%#llx+%llu result=%d",
		  __entry->object, __entry->addr, __entry->length, __entry->run,
		  __entry->run_length, __entry->result)
);

TRACE_EVENT(hugepost_handler_lost,
	TP_PROTO(struct hp_object *obj),
	TP_ARGS(obj),
	TP_STRUCT__entry(
		__field(unsigned long, object)
	),
	TP_fast_assign(
		__entry->object = obj->inode->i_ino;
	),
	TP_printk("object=%lu", __entry->object)
);

#endif /* HUGEPOST_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE hugepost_trace
#include <trace/define_trace.h>
