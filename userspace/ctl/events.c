// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include "events.h"
#include "parse.h"
#include "request.h"

struct events {
	struct nl_sock *sock;
	uint32_t drops;		/* what events_lost() told of */
	char buffer[8192] __attribute__((aligned(NLMSG_ALIGNTO)));
};

static int join(struct events *events, struct hp_nl *nl, const char *family, const char *name)
{
	int group = hp_nl_group(nl, family, name);

	if (group < 0)
		return group;
	return request_errno(nl_socket_add_membership(events->sock, group));
}

int events_open(struct events **out, struct hp_nl *nl)
{
	struct events *events = calloc(1, sizeof(*events));
	int err = -ENOMEM;

	if (!events)
		return -ENOMEM;
	events->sock = nl_socket_alloc();
	if (!events->sock)
		goto fail;
	err = request_errno(nl_connect(events->sock, NETLINK_GENERIC));
	if (!err)
		err = join(events, nl, HUGEPOST_FAMILY_NAME, HUGEPOST_MCGRP_EVENTS);
	/* The end of the family is told there. */
	if (!err)
		err = join(events, nl, "nlctrl", "notify");
	if (err)
		goto fail;
	*out = events;
	return 0;

fail:
	events_close(events);
	return err;
}

void events_close(struct events *events)
{
	if (!events)
		return;
	nl_socket_free(events->sock);
	free(events);
}

static bool family_is_gone(struct nlmsghdr *hdr)
{
	const struct genlmsghdr *genl = nlmsg_data(hdr);
	struct nlattr *attrs[CTRL_ATTR_MAX + 1];

	if (genl->cmd != CTRL_CMD_DELFAMILY ||
	    genlmsg_parse(hdr, 0, attrs, CTRL_ATTR_MAX, NULL) < 0)
		return false;
	return attrs[CTRL_ATTR_FAMILY_NAME] &&
	       !strcmp(nla_get_string(attrs[CTRL_ATTR_FAMILY_NAME]), HUGEPOST_FAMILY_NAME);
}

/* A message that is neither an event nor the family's end is passed over: -EINTR. */
static int parse(struct nlmsghdr *hdr, int len, struct hp_event *event)
{
	const struct genlmsghdr *genl;

	if (!nlmsg_ok(hdr, len) || !genlmsg_valid_hdr(hdr, 0))
		return -EINTR;
	if (hdr->nlmsg_type == GENL_ID_CTRL)
		return family_is_gone(hdr) ? -ENODEV : -EINTR;
	genl = nlmsg_data(hdr);
	if (genl->cmd != HUGEPOST_NL_CMD_EVENT || parse_message(hdr, &event_fields, event))
		return -EINTR;
	return 0;
}

int events_next(struct events *events, struct hp_event *event)
{
	int fd = nl_socket_get_fd(events->sock);
	ssize_t len;
	int err;

	do {
		len = recv(fd, events->buffer, sizeof(events->buffer), MSG_DONTWAIT);
		if (len < 0)
			err = -errno;
		else
			err = parse((struct nlmsghdr *)events->buffer, (int)len, event);
	} while (err == -EINTR);
	return err;
}

int events_wait(struct events *events, int timeout_ms)
{
	struct pollfd pollfd = { .fd = nl_socket_get_fd(events->sock), .events = POLLIN };
	int n = poll(&pollfd, 1, timeout_ms);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	return n ? 0 : -ETIMEDOUT;
}

uint32_t events_lost(struct events *events)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 }, lost;
	socklen_t size = sizeof(info);

	if (getsockopt(nl_socket_get_fd(events->sock), SOL_SOCKET, SO_MEMINFO, info, &size))
		return 0;
	lost = info[SK_MEMINFO_DROPS] - events->drops;
	events->drops = info[SK_MEMINFO_DROPS];
	return lost;
}
