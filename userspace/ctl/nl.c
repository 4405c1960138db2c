// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include "nl.h"
#include "parse.h"
#include "request.h"

#define MODULE_DIR	"/sys/module/hugepost"
#define DUMP_TRIES	5

struct hp_nl {
	struct nl_sock *sock;
	int family;
	int device;		/* -1: this process may read without */
	uint64_t own;		/* the object that @device is, or 0 */
	char problem[512];
};

const char *hp_nl_problem(const struct hp_nl *nl)
{
	return nl ? nl->problem : "";
}

static int find_family(struct hp_nl *nl)
{
	nl->family = genl_ctrl_resolve(nl->sock, HUGEPOST_FAMILY_NAME);
	if (nl->family >= 0)
		return 0;
	if (nl->family != -NLE_OBJ_NOTFOUND)
		return request_errno(nl->family);
	snprintf(nl->problem, sizeof(nl->problem), "%s", access(MODULE_DIR, F_OK) ?
		 "the module is not loaded: try 'modprobe hugepost'" :
		 "the module is loaded, but not to be spoken to: only the initial network "
		 "namespace can, and it must not be older than this program");
	return -ENODEV;
}

/* Why the device could not be opened, and what to do about it. */
static void tell_device(struct hp_nl *nl, int err)
{
	struct stat st;
	struct group *group;

	if (err != -EACCES && err != -EPERM) {
		snprintf(nl->problem, sizeof(nl->problem), HUGEPOST_DEVICE ": %s (it or "
			 "CAP_SYS_ADMIN is needed to read)", strerror(-err));
		return;
	}
	group = stat(HUGEPOST_DEVICE, &st) ? NULL : getgrgid(st.st_gid);
	snprintf(nl->problem, sizeof(nl->problem), "no permission to open " HUGEPOST_DEVICE
		 ": join the group that owns it%s%s%s, or be root", group ? " (" : "",
		 group ? group->gr_name : "", group ? ")" : "");
}

/* The device is opened where CAP_SYS_ADMIN is not there: it is the proof. */
static int open_device(struct hp_nl *nl)
{
	struct hugepost_stats stats = { .size = sizeof(stats) };
	int err;

	nl->device = open(HUGEPOST_DEVICE, O_RDWR | O_CLOEXEC);
	if (nl->device < 0) {
		err = -errno;
		tell_device(nl, err);
		return err == -EPERM ? -EACCES : err;
	}
	if (!ioctl(nl->device, HUGEPOST_STATS, &stats))
		nl->own = stats.out_id;
	return 0;
}

static int find_access(struct hp_nl *nl)
{
	struct hp_module module;
	int err = hp_nl_module_get(nl, &module);

	if (err == -EPERM || err == -EACCES) {
		err = open_device(nl);
		if (!err)
			err = hp_nl_module_get(nl, &module);
	}
	if (err)
		return err;
	if (module.api_version != HUGEPOST_API_VERSION)
		fprintf(stderr, "%s: the module's API version is %u, %s than this program's, %u: "
			"what it tells may be incomplete or mean something else\n",
			program_invocation_short_name, module.api_version,
			module.api_version > HUGEPOST_API_VERSION ? "newer" : "older",
			HUGEPOST_API_VERSION);
	hp_nl_module_free(&module);
	return 0;
}

int hp_nl_open(struct hp_nl **out)
{
	struct hp_nl *nl = calloc(1, sizeof(*nl));
	int err;

	*out = nl;
	if (!nl)
		return -ENOMEM;
	nl->device = -1;
	nl->sock = nl_socket_alloc();
	if (!nl->sock)
		return -ENOMEM;
	err = request_errno(genl_connect(nl->sock));
	if (!err)
		err = request_prepare(nl->sock);
	if (!err)
		err = find_family(nl);
	return err ? err : find_access(nl);
}

void hp_nl_close(struct hp_nl *nl)
{
	if (!nl)
		return;
	nl_socket_free(nl->sock);
	if (nl->device >= 0)
		close(nl->device);
	free(nl);
}

/* A request of command @cmd; reading ones have @device_attr for the device. */
static struct nl_msg *new_request(struct hp_nl *nl, uint8_t cmd, int flags, int device_attr)
{
	struct nl_msg *msg = nlmsg_alloc();

	if (!msg)
		return NULL;
	if (!genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, nl->family, 0, flags, cmd,
			 HUGEPOST_FAMILY_VERSION) ||
	    (device_attr && nl->device >= 0 && nla_put_u32(msg, device_attr, nl->device))) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

/* Runs the request, frees its message, and keeps the kernel's words. */
static int run(struct hp_nl *nl, struct request *request)
{
	int err = request_run(nl->sock, request);

	nlmsg_free(request->msg);
	memcpy(nl->problem, request->problem, sizeof(request->problem));
	/* So the kernel says of a family that is gone, too, but without a word. */
	if (err == -ENOENT && !nl->problem[0] &&
	    genl_ctrl_resolve(nl->sock, HUGEPOST_FAMILY_NAME) == -NLE_OBJ_NOTFOUND)
		return -ENODEV;
	return err;
}

/* One structure, of which there is one answer. */
struct single {
	const struct fields *fields;
	void *to;
	bool there;
};

static int keep_single(struct nlmsghdr *hdr, void *arg)
{
	struct single *single = arg;
	int err;

	if (single->there)
		return 0;
	err = parse_message(hdr, single->fields, single->to);
	single->there = !err;
	return err;
}

static int get_single(struct hp_nl *nl, struct nl_msg *msg, const struct fields *fields, void *to)
{
	struct single single = { .fields = fields, .to = to };
	struct request request = { .msg = msg, .answer = keep_single, .arg = &single };
	int err = run(nl, &request);

	if (!err && !single.there)
		return -EPROTO;
	if (err && single.there)
		parse_free(fields, to);
	return err;
}

int hp_nl_module_get(struct hp_nl *nl, struct hp_module *module)
{
	struct nl_msg *msg = new_request(nl, HUGEPOST_NL_CMD_MODULE_GET, 0,
					 HUGEPOST_A_MODULE_DEVICE_FD);

	return msg ? get_single(nl, msg, &module_fields, module) : -ENOMEM;
}

void hp_nl_module_free(struct hp_module *module)
{
	parse_free(&module_fields, module);
}

int hp_nl_module_set(struct hp_nl *nl, int attr, uint64_t value)
{
	struct request request = { .msg = new_request(nl, HUGEPOST_NL_CMD_MODULE_SET, 0, 0) };
	bool step = attr == HUGEPOST_A_MODULE_PROGRESS_STEP;

	if (!request.msg)
		return -ENOMEM;
	if (step ? nla_put_u32(request.msg, attr, value) : nla_put_u64(request.msg, attr, value)) {
		nlmsg_free(request.msg);
		return -ENOMEM;
	}
	return run(nl, &request);
}

int hp_nl_object_get(struct hp_nl *nl, uint64_t id, struct hp_object *object)
{
	struct nl_msg *msg = new_request(nl, HUGEPOST_NL_CMD_OBJECT_GET, 0,
					 HUGEPOST_A_OBJECT_DEVICE_FD);

	if (!msg)
		return -ENOMEM;
	if (nla_put_u64(msg, HUGEPOST_A_OBJECT_ID, id)) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	return get_single(nl, msg, &object_fields, object);
}

void hp_nl_object_free(struct hp_object *object)
{
	parse_free(&object_fields, object);
}

int hp_nl_object_trim(struct hp_nl *nl, uint64_t id, uint64_t first, struct hp_trim *trim)
{
	struct nl_msg *msg = new_request(nl, HUGEPOST_NL_CMD_OBJECT_TRIM, 0, 0);

	if (!msg)
		return -ENOMEM;
	if (nla_put_u64(msg, HUGEPOST_A_TRIM_OBJECT, id) ||
	    nla_put_u64(msg, HUGEPOST_A_TRIM_FIRST_HOST_PAGE, first)) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	return get_single(nl, msg, &trim_fields, trim);
}

/* Structures of @size bytes, of which there are many answers. */
struct many {
	const struct fields *fields;
	size_t size, nr;
	char *list;
};

static int keep_many(struct nlmsghdr *hdr, void *arg)
{
	struct many *many = arg;
	char *list = reallocarray(many->list, many->nr + 1, many->size);
	int err;

	if (!list)
		return -ENOMEM;
	many->list = list;
	err = parse_message(hdr, many->fields, list + many->nr * many->size);
	many->nr += !err;
	return err;
}

static void free_many(struct many *many)
{
	while (many->nr)
		parse_free(many->fields, many->list + --many->nr * many->size);
	free(many->list);
	many->list = NULL;
}

/* Sets @torn (may be NULL) if the last try was, too. */
static int dump(struct hp_nl *nl, uint8_t cmd, int device_attr, int id_attr, uint64_t id,
		struct many *many, bool *torn)
{
	struct request request = { .answer = keep_many, .arg = many };
	int try, err;

	for (try = 0; try < DUMP_TRIES; try++) {
		free_many(many);
		request.msg = new_request(nl, cmd, NLM_F_DUMP, device_attr);
		if (!request.msg)
			return -ENOMEM;
		if (id_attr && nla_put_u64(request.msg, id_attr, id)) {
			nlmsg_free(request.msg);
			return -ENOMEM;
		}
		err = run(nl, &request);
		if (err) {
			free_many(many);
			return err;
		}
		if (!request.torn)
			break;
	}
	if (torn)
		*torn = request.torn;
	return 0;
}

/* Takes out what no one is told of. */
static void filter(struct hp_objects *objects, uint64_t own, bool all)
{
	size_t i, kept = 0;

	for (i = 0; i < objects->nr; i++) {
		struct hp_object *object = &objects->list[i];

		if ((own && object->id == own) || (!all && !object->length))
			hp_nl_object_free(object);
		else
			objects->list[kept++] = *object;
	}
	objects->nr = kept;
}

int hp_nl_objects_get(struct hp_nl *nl, bool all, struct hp_objects *objects)
{
	struct many many = { .fields = &object_fields, .size = sizeof(struct hp_object) };
	int err;

	*objects = (struct hp_objects) { 0 };
	err = dump(nl, HUGEPOST_NL_CMD_OBJECT_GET, HUGEPOST_A_OBJECT_DEVICE_FD, 0, 0, &many,
		   &objects->torn);
	if (err)
		return err;
	objects->list = (struct hp_object *)many.list;
	objects->nr = many.nr;
	filter(objects, nl->own, all);
	return 0;
}

void hp_nl_objects_free(struct hp_objects *objects)
{
	while (objects->nr)
		hp_nl_object_free(&objects->list[--objects->nr]);
	free(objects->list);
	objects->list = NULL;
}

int hp_nl_channels_get(struct hp_nl *nl, uint64_t id, struct hp_channels *channels)
{
	struct many many = { .fields = &channel_fields, .size = sizeof(struct hp_channel) };
	int err;

	*channels = (struct hp_channels) { 0 };
	err = dump(nl, HUGEPOST_NL_CMD_CHANNEL_GET, HUGEPOST_A_CHANNEL_DEVICE_FD,
		   HUGEPOST_A_CHANNEL_OBJECT, id, &many, NULL);
	if (err)
		return err;
	channels->list = (struct hp_channel *)many.list;
	channels->nr = many.nr;
	return 0;
}

void hp_nl_channels_free(struct hp_channels *channels)
{
	free(channels->list);
	*channels = (struct hp_channels) { 0 };
}

static int keep_map(struct nlmsghdr *hdr, void *arg)
{
	return parse_map(hdr, arg);
}

/* What one reply has of the map, from cell @first on. */
static int get_part(struct hp_nl *nl, uint64_t id, uint32_t cells, uint32_t first,
		    struct hp_map *part)
{
	struct request request = { .answer = keep_map, .arg = part };
	int err;

	*part = (struct hp_map) { 0 };
	request.msg = new_request(nl, HUGEPOST_NL_CMD_MAP_GET, 0, HUGEPOST_A_MAP_DEVICE_FD);
	if (!request.msg)
		return -ENOMEM;
	if (nla_put_u64(request.msg, HUGEPOST_A_MAP_OBJECT, id) ||
	    nla_put_u32(request.msg, HUGEPOST_A_MAP_CELLS, cells) ||
	    (first && nla_put_u32(request.msg, HUGEPOST_A_MAP_FIRST_CELL, first))) {
		nlmsg_free(request.msg);
		return -ENOMEM;
	}
	err = run(nl, &request);
	if (err)
		hp_nl_map_free(part);
	return err;
}

int hp_nl_map_get(struct hp_nl *nl, uint64_t id, uint32_t cells, struct hp_map *map)
{
	struct hp_map part;
	int err;

	*map = (struct hp_map) { 0 };
	do {
		err = get_part(nl, id, cells, map->cells, &part);
		if (!err)
			err = map_append(map, &part);
		hp_nl_map_free(&part);
	} while (!err && !map_is_complete(map));
	if (err)
		hp_nl_map_free(map);
	return err;
}

void hp_nl_map_free(struct hp_map *map)
{
	free(map->assembling);
	*map = (struct hp_map) { 0 };
}

int hp_nl_group(struct hp_nl *nl, const char *family, const char *group)
{
	int number = genl_ctrl_resolve_grp(nl->sock, family, group);

	return number < 0 ? request_errno(number) : number;
}
