// SPDX-License-Identifier: GPL-2.0-only
/* hugepostctl reserve, limit, step: the module's settings. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "ctl.h"
#include "format.h"
#include "json.h"

#define SETTLE_MS	100

static int set_failed(struct hp_nl *nl, int err, const char *name)
{
	int code = fail(nl, err, "cannot set the %s", name);

	if (code == EXIT_NO_PERMISSION)
		fprintf(stderr, "%s: to change settings takes CAP_SYS_ADMIN: be root\n",
			program_invocation_short_name);
	return code;
}

/* What holds now. */
static int get(struct hp_nl *nl, const char *name, struct hp_module *module)
{
	int err = hp_nl_module_get(nl, module);

	if (!err)
		return EXIT_OK;
	return fail(nl, err, "cannot read the %s", name);
}

static int print_reserve(const struct hp_module *module, bool json)
{
	struct json_object *object;

	if (!json) {
		printf("%s, %s ready\n", format_size_exact(module->reserve).s,
		       format_size_exact(module->reserve_ready).s);
		return end_of_output();
	}
	object = json_object_new_object();
	json_put_u64(object, "reserve", module->reserve);
	json_put_u64(object, "reserve_ready", module->reserve_ready);
	return json_print(object);
}

/* Waits until the module does no more for the reserve, and shows how far it is. */
static int get_settled(struct hp_nl *nl, struct hp_module *module)
{
	bool shown = false;
	int code = get(nl, "reserve", module);

	while (!code && module->reserve_filling) {
		if (isatty(STDERR_FILENO)) {
			fprintf(stderr, "\r%s of %s are ready\033[K",
				format_size(module->reserve_ready).s,
				format_size(module->reserve).s);
			shown = true;
		}
		hp_nl_module_free(module);
		poll(NULL, 0, SETTLE_MS);
		code = get(nl, "reserve", module);
	}
	if (shown)
		fputs("\r\033[K", stderr);
	return code;
}

int reserve_run(struct hp_nl *nl, const struct options *options)
{
	struct hp_module module;
	int err, code;

	if (options->set) {
		err = hp_nl_module_set(nl, HUGEPOST_A_MODULE_RESERVE, options->value);
		if (err)
			return set_failed(nl, err, "reserve");
	}
	code = options->set ? get_settled(nl, &module) : get(nl, "reserve", &module);
	if (code)
		return code;
	code = print_reserve(&module, options->json);
	if (options->set && module.reserve_ready < options->value) {
		fprintf(stderr, "%s: only %s of %s are ready: there are not enough free huge "
			"pages, or the limit is reached\n", program_invocation_short_name,
			format_size_exact(module.reserve_ready).s,
			format_size_exact(options->value).s);
		code = EXIT_ERROR;
	}
	hp_nl_module_free(&module);
	return code;
}

static int print_limit(const struct hp_module *module, bool json)
{
	struct json_object *object;

	if (!json) {
		puts(module->limit == NO_LIMIT ? "none" : format_size_exact(module->limit).s);
		return end_of_output();
	}
	object = json_object_new_object();
	if (module->limit == NO_LIMIT)
		json_object_object_add(object, "limit", NULL);
	else
		json_put_u64(object, "limit", module->limit);
	json_put_u64(object, "memory", module->memory);
	return json_print(object);
}

static int print_step(const struct hp_module *module, bool json)
{
	struct json_object *object;

	if (!json) {
		printf("%u\n", module->progress_step);
		return end_of_output();
	}
	object = json_object_new_object();
	json_put_u64(object, "progress_step", module->progress_step);
	return json_print(object);
}

/* A setting that holds at once. */
static int setting_run(struct hp_nl *nl, const struct options *options, const char *name, int attr,
		       int (*print)(const struct hp_module *module, bool json))
{
	struct hp_module module;
	int err, code;

	if (options->set) {
		err = hp_nl_module_set(nl, attr, options->value);
		return err ? set_failed(nl, err, name) : EXIT_OK;
	}
	code = get(nl, name, &module);
	if (code)
		return code;
	code = print(&module, options->json);
	hp_nl_module_free(&module);
	return code;
}

int limit_run(struct hp_nl *nl, const struct options *options)
{
	return setting_run(nl, options, "limit", HUGEPOST_A_MODULE_LIMIT, print_limit);
}

int step_run(struct hp_nl *nl, const struct options *options)
{
	return setting_run(nl, options, "step", HUGEPOST_A_MODULE_PROGRESS_STEP, print_step);
}
