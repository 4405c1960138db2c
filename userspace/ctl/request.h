/* SPDX-License-Identifier: GPL-2.0-only */
/* One request and its answers, and what the kernel says of a request it refuses. */
#ifndef CTL_REQUEST_H
#define CTL_REQUEST_H

#include <netlink/msg.h>
#include <netlink/socket.h>
#include <stdbool.h>
#include <stddef.h>

struct request {
	struct nl_msg *msg;
	/* Called for each answer; its error ends the request once all are read. */
	int (*answer)(struct nlmsghdr *hdr, void *arg);
	void *arg;
	bool torn;		/* the kernel says that a dump is not consistent */
	bool done;
	int err;
	char problem[256];	/* its words, perhaps none */
};

/* Makes the socket's errors come with the kernel's words. */
int request_prepare(struct nl_sock *sock);

/* Sends @request->msg and reads to the end of the answers. 0 or -errno. */
int request_run(struct nl_sock *sock, struct request *request);

/* The errno value, negative, of an error of libnl's. */
int request_errno(int nl_error);

#endif /* CTL_REQUEST_H */
