// SPDX-License-Identifier: LGPL-2.1-or-later
/* Opening, version handshake, set-up and closing of an object. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "internal.h"

int hp_ioctl(const struct hugepost_object *obj, unsigned long cmd, void *arg)
{
	return ioctl(obj->fd, cmd, arg) < 0 ? -errno : 0;
}

static int check_version(struct hugepost_object *obj)
{
	struct hugepost_info info;
	int ret = hugepost_object_info(obj, &info);

	/*
	 * The module knows no reason to refuse INFO: EINVAL is how other
	 * devices (/dev/kvm, for one) answer an ioctl that they do not know.
	 * A module with version 0 does not exist, so who says 0 did nothing.
	 */
	if (ret == -EINVAL || (!ret && !info.out_api_version))
		return -ENOTTY;
	if (ret)
		return ret;
	if (info.out_api_version < HUGEPOST_API_VERSION)
		return -EPROTO;
	if (info.out_api_version > HUGEPOST_API_VERSION)
		return -EPROTONOSUPPORT;
	return 0;
}

int hugepost_object_from_fd(struct hugepost_object **obj, int fd)
{
	struct hugepost_object *new;
	int flags, ret;

	flags = fcntl(fd, F_GETFD);
	if (flags < 0)
		return -errno;
	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	new->fd = fd;
	ret = check_version(new);
	if (!ret && fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0)
		ret = -errno;
	if (!ret)
		ret = -pthread_mutex_init(&new->lock, NULL);
	if (ret) {
		free(new);
		return ret;
	}
	*obj = new;
	return 0;
}

int hugepost_object_open(struct hugepost_object **obj, const char *path)
{
	int fd, ret;

	fd = open(path ? path : HUGEPOST_DEVICE, O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	ret = hugepost_object_from_fd(obj, fd);
	if (ret)
		close(fd);
	return ret;
}

void hugepost_object_close(struct hugepost_object *obj)
{
	unsigned int i;

	if (!obj)
		return;
	hp_unmap_all(obj);
	hp_event_close(obj);
	close(obj->fd);
	for (i = 0; i < HUGEPOST_CHANNELS_MAX; i++)
		free(obj->channels[i]);
	pthread_mutex_destroy(&obj->lock);
	free(obj);
}

int hugepost_object_fd(const struct hugepost_object *obj)
{
	return obj->fd;
}

int hugepost_object_info(struct hugepost_object *obj, struct hugepost_info *info)
{
	*info = (struct hugepost_info){ .size = sizeof(*info) };
	return hp_ioctl(obj, HUGEPOST_INFO, info);
}

int hugepost_object_setup(struct hugepost_object *obj, uint64_t length,
			  const struct hugepost_options *options, uint64_t *allocated)
{
	struct hugepost_setup setup = {
		.size = sizeof(setup),
		.length = length,
	};
	int ret;

	if (options) {
		setup.flags = options->flags;
		setup.host_shift = options->host_shift;
		setup.target_shift = options->target_shift;
		setup.channels = options->channels;
		setup.node = options->node;
	}
	ret = hp_ioctl(obj, HUGEPOST_SETUP, &setup);
	if (allocated)
		*allocated = setup.out_allocated;
	return ret;
}

const char *hugepost_open_hint(int err)
{
	switch (-err) {
	case 0:
		return "no error";
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return "the module is not loaded: 'modprobe hugepost', or 'insmod hugepost.ko'";
	case EACCES:
	case EPERM:
		return "no permission: join the group kvm ('adduser USER kvm'), or run as root";
	case ENOTTY:
		return "this is not a hugepost device, as " HUGEPOST_DEVICE " is";
	case EPROTO:
		return "the loaded module is older than libhugepost: rebuild and reload it";
	case EPROTONOSUPPORT:
		return "the loaded module is newer than libhugepost: update the library";
	case ENOMEM:
		return "not enough memory to open an object";
	case EMFILE:
	case ENFILE:
		return "too many open files: raise the limit ('ulimit -n')";
	case EBADF:
		return "the descriptor is not open";
	default:
		return "the hugepost device cannot be opened: 'dmesg' may say why";
	}
}

const char *hugepost_version(void)
{
	return HUGEPOST_VERSION;
}
