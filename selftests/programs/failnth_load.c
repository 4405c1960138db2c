// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every call that the module makes to get memory while it is loaded fails once,
 * by inject/, or what it needs is another's: the module is not loaded then, it says
 * why in one line, and nothing of it is left.
 */
#include <sys/syscall.h>

#include "hugepost_failnth.h"
#include "nl_test.h"

FIXTURE(load)
{
	const char *module;
	int nth;
	int log;
	char line[256];
};

FIXTURE_SETUP(load)
{
	self->module = getenv("HUGEPOST_MODULE");
	self->nth = open(INJECTOR, O_RDWR | O_CLOEXEC);
	if (self->nth < 0 || !self->module)
		SKIP(return, NO_INJECTION);
	self->log = kernel_log_open();
	ASSERT_GE(self->log, 0);
}

FIXTURE_TEARDOWN(load)
{
}

static int load_module(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int ret = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;

	close(fd);
	return ret;
}

static int unload_module(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

/* Is there anything that tells of the module? */
static bool module_shows(void)
{
	struct nl nl;
	int ret = nl_open(&nl);

	close(nl.fd);
	return ret != -ENOENT || !access("/sys/module/hugepost", F_OK) ||
	       !access(HUGEPOST_DEVICE, F_OK);
}

/* Did the module say once, and no more than that, why it is not loaded? */
#define EXPECT_TOLD(why) do {						\
	EXPECT_EQ(kernel_log_read(self->log, "hugepost: ", self->line,	\
				  sizeof(self->line)), 1);		\
	EXPECT_NE(strstr(self->line, "hugepost: not loaded: "), NULL);	\
	EXPECT_NE(strstr(self->line, why), NULL)			\
		TH_LOG("%s", self->line);				\
} while (0)

/*
 * Rule: a module that lacks what it needs is not loaded, says why, and leaves
 * nothing.
 */
TEST_F(load, sweep)
{
	unsigned int nth, told = 0;
	bool injected = true;
	int ret, fd;

	for (nth = 1; injected && nth < MANY; nth++) {
		ASSERT_EQ(unload_module("hugepost"), 0);
		ASSERT_TRUE(fail_at(self->nth, nth));
		ret = load_module(self->module);
		injected = has_failed(self->nth);

		if (ret) {
			told++;
			EXPECT_TRUE(injected);
			EXPECT_EQ(ret, -ENOMEM)
				TH_LOG("failure %u: %s", nth, strerror(-ret));
			EXPECT_TOLD("(-ENOMEM)");
			EXPECT_FALSE(module_shows());
			ASSERT_EQ(load_module(self->module), 0);
		}
		EXPECT_TRUE(module_shows());
		fd = hp_new(HP, 1, 0);
		EXPECT_GE(fd, 0);
		close(fd);
	}
	EXPECT_GT(told, 0);
	EXPECT_LT(nth, MANY);
	TH_LOG("%u failures, %u told of", nth - 2, told);
}

/*
 * Rule: a module that finds its netlink family taken says what to do, and does not
 * fail by EEXIST: modprobe would take it for loaded.
 */
TEST_F(load, family_is_taken)
{
	const char *injector = getenv("HUGEPOST_INJECT");
	char other[PATH_MAX];

	ASSERT_NE(injector, NULL);
	snprintf(other, sizeof(other), "%.*s/hugepost_family.ko",
		 (int)(strrchr(injector, '/') - injector), injector);

	ASSERT_EQ(unload_module("hugepost"), 0);
	EXPECT_EQ(load_module(other), 0);
	EXPECT_EQ(load_module(self->module), -EBUSY);
	EXPECT_TOLD("unload the module that has it");
	EXPECT_EQ(access("/sys/module/hugepost", F_OK), -1);
	EXPECT_EQ(access(HUGEPOST_DEVICE, F_OK), -1);
	EXPECT_EQ(unload_module("hugepost_family"), 0);
	ASSERT_EQ(load_module(self->module), 0);
	EXPECT_TRUE(module_shows());
}

TEST_HARNESS_MAIN
