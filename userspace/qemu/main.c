// SPDX-License-Identifier: GPL-2.0-only
/* hugepost-qemu: starts QEMU with the shim, the guest's memory on hugepost. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend.h"
#include "device.h"
#include "find.h"
#include "line.h"
#include "say.h"

static const char help[] =
	"Usage: hugepost-qemu [QEMU-OPTION...]\n"
	"Start QEMU with a guest whose memory is on /dev/hugepost, so that a postcopy\n"
	"migration to it fills 4 KiB pages and leaves it on huge pages of 2 MiB.\n"
	"\n"
	"All options are QEMU's ('hugepost-qemu -help' lists them) and reach it as they are.\n"
	"Unless they name a memory back end of their own, this is added for -m SIZE:\n"
	"  -object memory-backend-file,id=pc.ram,size=SIZE,mem-path=/dev/hugepost,\n"
	"          share=on,align=2M,x-use-canonical-path-for-ramblock-id=off\n"
	"  -machine memory-backend=pc.ram\n"
	"If the device is missing or too small, nothing is started.\n"
	"\n"
	"  --help      print this, not QEMU's help\n"
	"  --version   print hugepost's version, not QEMU's\n"
	"Called by another name, such as a link qemu-system-x86_64, it takes these two to\n"
	"be QEMU's, too.\n"
	"\n"
	"Environment:\n"
	"  HUGEPOST_QEMU=PATH        the QEMU to start\n"
	"  HUGEPOST_PRELOAD=PATH     the shim to preload\n"
	"  HUGEPOST_RAM_ID=ID        id of the back end, the machine's default RAM's (pc.ram)\n"
	"  HUGEPOST_REPLACE=1        put memory back ends (ram, memfd, files in memory) there\n"
	"  HUGEPOST_FORCE=1          start even if the host has too little memory\n"
	"  HUGEPOST_LOG=LEVEL:FILE   log what the shim does: error, warn, info or debug\n"
	"  HUGEPOST_CHANNELS=N       channels of each memory object, 1 to 64 (4)\n"
	"  HUGEPOST_PREALLOC=1       allocate all memory at once\n"
	"  HUGEPOST_VHOST=auto       vhost-user back ends in a postcopy: auto, any or off\n"
	"  HUGEPOST_HUGETLBFS=1      pose as hugetlbfs, for a source that is on it\n"
	"See hugepost-qemu(1).\n";

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void print(const char *text)
{
	if (fputs(text, stdout) == EOF || fflush(stdout))
		die(EXIT_OWN, "cannot write to standard output: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	const char *called = base_name(argv[0]);
	uint64_t bytes = 0;
	struct line line;
	bool successor;
	char *qemu;

	line_read(&line, argc, argv);
	if (!strcmp(called, OWN_NAME) && (line.own_help || line.own_version)) {
		print(line.own_help ? help : "hugepost-qemu " HUGEPOST_VERSION "\n");
		return 0;
	}

	qemu = find_qemu(called);
	/* A QEMU becomes this one, by cpr-exec: its memory is where it says, and stays. */
	successor = getenv("QEMU_CPR_EXEC_STATE");
	if (!successor)
		guard_against_loop(qemu);
	preload_shim();
	if (!line.no_guest && !successor)
		bytes = backend_apply(&line);
	if (bytes)
		device_check(bytes);

	line.argv[0] = qemu;
	execv(qemu, line.argv);
	die(errno == ENOENT ? EXIT_NO_QEMU : EXIT_NO_EXEC, "cannot start %s: %s", qemu,
	    strerror(errno));
}
