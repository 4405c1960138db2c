// SPDX-License-Identifier: GPL-2.0-only
/* hugepostctl metrics: what there is, for a monitoring system. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl.h"
#include "metrics.h"

struct reading {
	struct hp_module module;
	struct hp_objects objects;
	struct hp_channels *channels;	/* of each object; none of one that has gone */
};

static void release(struct reading *reading)
{
	size_t i;

	for (i = 0; reading->channels && i < reading->objects.nr; i++)
		hp_nl_channels_free(&reading->channels[i]);
	free(reading->channels);
	hp_nl_objects_free(&reading->objects);
	hp_nl_module_free(&reading->module);
}

static int take(struct hp_nl *nl, struct reading *reading)
{
	size_t i;
	int err;

	err = hp_nl_module_get(nl, &reading->module);
	if (err)
		return fail(nl, err, "cannot read the module's settings");
	err = hp_nl_objects_get(nl, false, &reading->objects);
	if (err) {
		hp_nl_module_free(&reading->module);
		return fail(nl, err, "cannot list the objects");
	}
	reading->channels = calloc(reading->objects.nr + 1, sizeof(*reading->channels));
	err = reading->channels ? 0 : -ENOMEM;
	for (i = 0; !err && i < reading->objects.nr; i++) {
		struct hp_channels channels;

		err = hp_nl_channels_get(nl, reading->objects.list[i].id, &channels);
		if (!err)
			reading->channels[i] = channels;
		if (err == -ENOENT)
			err = 0;
	}
	if (!err)
		return EXIT_OK;
	release(reading);
	return fail(nl, err, "cannot list the channels");
}

static int cannot_write(const char *path, const char *temporary)
{
	fprintf(stderr, "%s: cannot write %s: %s\n", program_invocation_short_name, path,
		strerror(errno));
	if (temporary)
		unlink(temporary);
	return EXIT_ERROR;
}

static void print(FILE *to, const struct reading *reading, enum metrics_format format)
{
	metrics_print(to, format, &reading->module, &reading->objects, reading->channels);
}

/* What is no file, as a FIFO, is written to. */
static int write_to(const struct reading *reading, enum metrics_format format, const char *path)
{
	FILE *to = fopen(path, "we");

	if (!to)
		return cannot_write(path, NULL);
	print(to, reading, format);
	return fclose(to) ? cannot_write(path, NULL) : EXIT_OK;
}

/* Whoever reads @path meanwhile finds the old text or the new one, whole. */
static int replace_file(const struct reading *reading, enum metrics_format format,
			const char *path)
{
	char *temporary;
	FILE *to;
	int fd, code = EXIT_OK;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return cannot_write(path, NULL);
	fd = mkstemp(temporary);
	to = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (!to) {
		code = cannot_write(path, fd >= 0 ? temporary : NULL);
		free(temporary);
		return code;
	}
	print(to, reading, format);
	/* Others read it, who are not root. */
	if (fchmod(fd, 0644) || fflush(to) || ferror(to))
		code = cannot_write(path, temporary);
	if (fclose(to) && !code)
		code = cannot_write(path, temporary);
	if (!code && rename(temporary, path))
		code = cannot_write(path, temporary);
	free(temporary);
	return code;
}

static int write_file(const struct reading *reading, enum metrics_format format,
		      const char *path)
{
	/* The file itself, not a link that leads to it. */
	char *real = realpath(path, NULL);
	struct stat st;
	int code;

	if (real && !stat(real, &st) && !S_ISREG(st.st_mode))
		code = write_to(reading, format, real);
	else
		code = replace_file(reading, format, real ? real : path);
	free(real);
	return code;
}

int metrics_run(struct hp_nl *nl, const struct options *options)
{
	struct reading reading;
	int code = take(nl, &reading);

	if (code)
		return code;
	if (options->output) {
		code = write_file(&reading, options->format, options->output);
	} else {
		print(stdout, &reading, options->format);
		code = end_of_output();
	}
	release(&reading);
	return code;
}
