// SPDX-License-Identifier: GPL-2.0-only
/* metrics [prometheus]: those of data that are always the same; see check-metrics. */
#include "metrics.h"

int main(int argc, char **argv)
{
	struct hp_module module = {
		.version = "1.2.3", .api_version = 2, .objects = 2, .memory = 1ULL << 40,
		.staging = 4 << 20, .limit = NO_LIMIT, .reserve = 8 << 20, .reserve_ready = 2 << 20,
	};
	struct hp_object list[] = {
		{
			.id = 3, .pid = 4001, .command = "qemu \"one\"\\\n",
			.cgroup = "/machine.slice/machine-qemu\\x2d1\\x2dguest.scope",
			.time = 5500000000, .created = 1000000000, .mode = HUGEPOST_MODE_ARMED,
			.length = 1 << 30, .empty = 1, .assembling = 2, .present = 500, .zero = 9,
			.filled = UINT64_MAX, .memory = 12345, .staging = 1, .metadata = 2,
			.faults = 10, .waits = 11, .events = 12, .zero_fills = 13,
			.installs_huge = 14, .installs_single = 15, .discarded = 16,
			.poisoned = 17,
		},
		{ .id = 4, .mode = HUGEPOST_MODE_UNARMED },
	};
	struct hp_channel channel_list[] = {
		{ .object = 3, .index = 0, .pages = 1, .zero_pages = 2, .bytes = 3,
		  .duplicates = 4, .replaced = 5, .resets = 6 },
		{ .object = 3, .index = 1, .pages = 7 },
	};
	struct hp_channels channels[] = { { .list = channel_list, .nr = 2 }, { .nr = 0 } };
	struct hp_objects objects = { .list = list, .nr = 2 };

	(void)argv;
	metrics_print(stdout, argc > 1 ? METRICS_PROMETHEUS : METRICS_OPEN, &module, &objects,
		      channels);
	return 0;
}
