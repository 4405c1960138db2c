// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <netlink/errno.h>
#include <netlink/genl/genl.h>
#include <netlink/handlers.h>
#include <netlink/netlink.h>

#include "fields.h"
#include "request.h"

int request_errno(int nl_error)
{
	switch (nl_error < 0 ? -nl_error : nl_error) {
	case NLE_SUCCESS:
		return 0;
	case NLE_INTR:
		return -EINTR;
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_PERM:
	case NLE_NOACCESS:
		return -EPERM;
	case NLE_OBJ_NOTFOUND:
		return -ENOENT;
	case NLE_AGAIN:
		return -EAGAIN;
	case NLE_AF_NOSUPPORT:
	case NLE_PROTO_MISMATCH:
		return -EPROTONOSUPPORT;
	default:
		return -EPROTO;
	}
}

/* Without the request in the error, the kernel's words come right behind it. */
int request_prepare(struct nl_sock *sock)
{
	int fd = nl_socket_get_fd(sock), on = 1;

	if (setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on)))
		return -errno;
	nl_socket_enable_msg_peek(sock);
	return 0;
}

/* The name of the attribute @offset bytes into the request, or NULL. */
static const char *name_at(const struct request *request, uint32_t offset)
{
	struct nlmsghdr *hdr = nlmsg_hdr(request->msg);
	const struct genlmsghdr *genl = nlmsg_data(hdr);
	const struct nlattr *attr = (void *)((char *)hdr + offset);

	if (offset < NLMSG_HDRLEN + GENL_HDRLEN || offset + sizeof(*attr) > hdr->nlmsg_len)
		return NULL;
	return fields_name(fields_of(genl->cmd), nla_type(attr));
}

/* Keeps the kernel's words, and the attribute's name that they are about. */
static void keep_words(struct request *request, struct nlattr *from, int len)
{
	const struct genlmsghdr *genl = nlmsg_data(nlmsg_hdr(request->msg));
	struct nlattr *attrs[NLMSGERR_ATTR_MAX + 1];
	const char *name = NULL, *text = NULL;

	if (nla_parse(attrs, NLMSGERR_ATTR_MAX, from, len, NULL) < 0)
		return;
	if (attrs[NLMSGERR_ATTR_MSG])
		text = nla_get_string(attrs[NLMSGERR_ATTR_MSG]);
	if (attrs[NLMSGERR_ATTR_OFFS])
		name = name_at(request, nla_get_u32(attrs[NLMSGERR_ATTR_OFFS]));
	else if (attrs[NLMSGERR_ATTR_MISS_TYPE])
		name = fields_name(fields_of(genl->cmd),
				   nla_get_u32(attrs[NLMSGERR_ATTR_MISS_TYPE]));
	if (text && name)
		snprintf(request->problem, sizeof(request->problem), "%s (attribute %s)", text,
			 name);
	else if (text || name)
		snprintf(request->problem, sizeof(request->problem), "%s%s",
			 name ? "attribute " : "", name ? name : text);
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *error, void *arg)
{
	struct nlmsghdr *hdr = (void *)((char *)error - NLMSG_HDRLEN);
	struct request *request = arg;

	(void)from;
	request->err = error->error;
	request->done = true;
	if (hdr->nlmsg_flags & NLM_F_ACK_TLVS)
		keep_words(request, (void *)(error + 1),
			   (int)hdr->nlmsg_len - NLMSG_HDRLEN - (int)sizeof(*error));
	return NL_STOP;
}

/* The end of a dump carries an error that came up on the way. */
static int on_finish(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *hdr = nlmsg_hdr(msg);
	struct request *request = arg;
	int *error = nlmsg_data(hdr);

	request->done = true;
	if (nlmsg_datalen(hdr) < (int)sizeof(*error) || *error >= 0)
		return NL_OK;
	request->err = *error;
	if (hdr->nlmsg_flags & NLM_F_ACK_TLVS)
		keep_words(request, (void *)(error + 1),
			   nlmsg_datalen(hdr) - (int)sizeof(*error));
	return NL_OK;
}

static int on_ack(struct nl_msg *msg, void *arg)
{
	struct request *request = arg;

	(void)msg;
	request->done = true;
	return NL_STOP;
}

static int on_torn(struct nl_msg *msg, void *arg)
{
	struct request *request = arg;

	(void)msg;
	request->torn = true;
	return NL_OK;
}

static int on_answer(struct nl_msg *msg, void *arg)
{
	struct request *request = arg;

	if (request->answer && !request->err)
		request->err = request->answer(nlmsg_hdr(msg), request->arg);
	return NL_OK;
}

int request_run(struct nl_sock *sock, struct request *request)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int ret;

	if (!cb)
		return -ENOMEM;
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, request);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_finish, request);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_ack, request);
	nl_cb_set(cb, NL_CB_DUMP_INTR, NL_CB_CUSTOM, on_torn, request);
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_answer, request);

	request->torn = false;
	request->done = false;
	request->err = 0;
	request->problem[0] = '\0';
	ret = nl_send_auto(sock, request->msg);
	while (ret >= 0 && !request->done)
		ret = nl_recvmsgs(sock, cb);
	nl_cb_put(cb);
	return request->done ? request->err : request_errno(ret);
}
