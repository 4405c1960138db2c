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

#include "object.h"

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

DECLARE_EVENT_CLASS(hugepost_range,
	TP_PROTO(struct hp_object *obj, u64 start, u64 length, u64 out1,
		 u64 out2, int result),
	TP_ARGS(obj, start, length, out1, out2, result),
	TP_STRUCT__entry(
		__field(unsigned long, object)
		__field(u64, start)
		__field(u64, length)
		__field(u64, out1)
		__field(u64, out2)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->object = obj->inode->i_ino;
		__entry->start = start;
		__entry->length = length;
		__entry->out1 = out1;
		__entry->out2 = out2;
		__entry->result = result;
	),
	TP_printk("object=%lu start=%#llx length=%llu out=%llu,%llu result=%d",
		  __entry->object, __entry->start, __entry->length,
		  __entry->out1, __entry->out2, __entry->result)
);

/* start is an address; out: host pages mapped huge, and by single entries */
DEFINE_EVENT(hugepost_range, hugepost_install,
	TP_PROTO(struct hp_object *obj, u64 start, u64 length, u64 out1,
		 u64 out2, int result),
	TP_ARGS(obj, start, length, out1, out2, result)
);

/* start is an offset; out: target pages discarded, 0 */
DEFINE_EVENT(hugepost_range, hugepost_discard,
	TP_PROTO(struct hp_object *obj, u64 start, u64 length, u64 out1,
		 u64 out2, int result),
	TP_ARGS(obj, start, length, out1, out2, result)
);

/* start is an offset; out: bytes given back, 0 */
DEFINE_EVENT(hugepost_range, hugepost_trim,
	TP_PROTO(struct hp_object *obj, u64 start, u64 length, u64 out1,
		 u64 out2, int result),
	TP_ARGS(obj, start, length, out1, out2, result)
);

/* start is an address; out: the first run that has to be mapped anew, its length */
DEFINE_EVENT(hugepost_range, hugepost_collapse,
	TP_PROTO(struct hp_object *obj, u64 start, u64 length, u64 out1,
		 u64 out2, int result),
	TP_ARGS(obj, start, length, out1, out2, result)
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
