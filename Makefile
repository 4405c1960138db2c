# SPDX-License-Identifier: GPL-2.0-only
#
# hugepost: module, library, tools and tests. "make help" lists the targets.

KDIR	?= /lib/modules/$(shell uname -r)/build
TOP	:= $(CURDIR)
# Where the module is built: one directory a kernel.
OUT	?= $(TOP)/build/$(or $(shell cat $(KDIR)/include/config/kernel.release \
			2>/dev/null),kernel)

SOURCES	 = Kbuild $(wildcard kmod/*.[ch]) $(wildcard uapi/linux/*.h)

.PHONY: all modules userspace sources setup demo check check-quick install \
	uninstall clean help

all: modules userspace

# The module's sources appear in OUT as links, so that several kernels' objects
# can lie beside each other.
sources:
	@mkdir -p $(OUT)/kmod $(OUT)/uapi/linux
	@find $(OUT)/Kbuild $(OUT)/kmod $(OUT)/uapi -type l -delete 2>/dev/null || :
	@for f in $(SOURCES); do ln -srf $$f $(OUT)/$$f; done

modules: sources
	@[ -e $(KDIR)/Makefile ] || { echo "no kernel headers in $(KDIR):" \
		"install linux-headers or give KDIR=..." >&2; exit 1; }
	$(MAKE) -C $(KDIR) M=$(OUT) modules

userspace:
	$(MAKE) -C userspace all

setup:
	selftests/setup/setup

demo: setup
	selftests/demo/run

check: setup
	selftests/check

check-quick: HUGEPOST_KERNELS ?= 6.1
check-quick: export HUGEPOST_KERNELS := $(HUGEPOST_KERNELS)
check-quick: setup
	selftests/check

install: modules userspace
	$(MAKE) -C $(KDIR) M=$(OUT) modules_install
	$(MAKE) -C userspace install

uninstall:
	$(MAKE) -C userspace uninstall

clean:
	rm -rf build

help:
	@sed -n 's/^#help //p' Makefile
