// SPDX-License-Identifier: GPL-2.0-only
/* Looks for QEMU, never finding the wrapper itself, and for the shim. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "find.h"
#include "say.h"

#define SELF		"/proc/self/exe"
#define SHIM		"libhugepost-preload.so"
#define INSTALLED_SHIM	HUGEPOST_PRELOADDIR "/" SHIM
#define GUARD		"HUGEPOST_STARTED"

static const char *const packaged[] = { "qemu-system-x86_64", "qemu-kvm", "kvm" };
static const char outside_path[] = "/usr/libexec/qemu-kvm";

/* The environment variable, NULL also if it is empty. */
static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static bool is_self(const char *path)
{
	struct stat own, other;

	if (stat(SELF, &own))
		die(EXIT_OWN, SELF ": %s: is /proc mounted?", strerror(errno));
	return !stat(path, &other) && own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

static bool is_program(const char *path)
{
	struct stat file;

	return !stat(path, &file) && S_ISREG(file.st_mode) && !access(path, X_OK);
}

/* The first program @name on PATH that is not the wrapper, or NULL. */
static char *search(const char *name)
{
	const char *dirs = variable("PATH");

	for (dirs = dirs ? dirs : "/usr/bin:/bin"; dirs; dirs = strchr(dirs, ':')) {
		int length;
		char *path;

		dirs += *dirs == ':';
		length = strcspn(dirs, ":");
		/* An empty directory is the current one. */
		path = length ? format("%.*s/%s", length, dirs, name) : format("./%s", name);
		if (is_program(path) && !is_self(path))
			return path;
		free(path);
	}
	return NULL;
}

static char *find_named(const char *name)
{
	char *path;

	if (strchr(name, '/')) {
		if (is_self(name))
			die(EXIT_OWN, "HUGEPOST_QEMU '%s' is this wrapper: name the real QEMU",
			    name);
		return must(strdup(name));
	}
	path = search(name);
	if (!path)
		die(EXIT_NO_QEMU, "HUGEPOST_QEMU: no program '%s' on PATH: install it, or give "
		    "a path", name);
	return path;
}

char *find_qemu(const char *called)
{
	const char *named = variable("HUGEPOST_QEMU");
	char *path = NULL;
	size_t i;

	if (named)
		return find_named(named);
	if (strcmp(called, OWN_NAME))
		path = search(called);
	for (i = 0; !path && i < sizeof(packaged) / sizeof(*packaged); i++)
		path = search(packaged[i]);
	if (!path && is_program(outside_path) && !is_self(outside_path))
		path = must(strdup(outside_path));
	if (!path)
		die(EXIT_NO_QEMU, "no QEMU found on PATH: install qemu-system-x86, or set "
		    "HUGEPOST_QEMU to its path");
	return path;
}

void guard_against_loop(const char *qemu)
{
	const char *before = variable(GUARD);

	if (before)
		die(EXIT_OWN, "'%s' leads back to this wrapper, which started it: set HUGEPOST_QEMU "
		    "to the path of the real QEMU (or unset " GUARD
		    ", if this is a QEMU that another one starts)", before);
	if (setenv(GUARD, qemu, 1))
		die(EXIT_OWN, "out of memory");
}

/* The absolute path of the shim: what LD_PRELOAD needs after a chdir, too. */
static char *find_shim(void)
{
	const char *named = variable("HUGEPOST_PRELOAD");
	char own[PATH_MAX], *path, *built;
	ssize_t length;

	if (named) {
		path = realpath(named, NULL);
		if (!path)
			die(EXIT_OWN, "HUGEPOST_PRELOAD '%s': %s: set it to the path of " SHIM,
			    named, strerror(errno));
		return path;
	}
	length = readlink(SELF, own, sizeof(own) - 1);
	if (length < 0)
		die(EXIT_OWN, SELF ": %s: is /proc mounted?", strerror(errno));
	own[length] = '\0';
	built = format("%.*s" SHIM, (int)(strrchr(own, '/') - own + 1), own);
	path = realpath(built, NULL);
	if (!path)
		path = realpath(INSTALLED_SHIM, NULL);
	if (!path)
		die(EXIT_OWN, "the shim is neither %s nor " INSTALLED_SHIM
		    ": run 'make install', or set HUGEPOST_PRELOAD to its path", built);
	free(built);
	return path;
}

void preload_shim(void)
{
	const char *others = variable("LD_PRELOAD");
	char *shim = find_shim(), *all;

	if (access(shim, R_OK))
		die(EXIT_OWN, "the shim %s: %s: make it readable", shim, strerror(errno));
	if (strpbrk(shim, " :"))
		die(EXIT_OWN, "the shim's path '%s' has a blank or a colon, at which LD_PRELOAD "
		    "would end: move it", shim);
	all = others ? format("%s:%s", shim, others) : shim;
	if (setenv("LD_PRELOAD", all, 1))
		die(EXIT_OWN, "out of memory");
	if (all != shim)
		free(all);
	free(shim);
}
