# SPDX-License-Identifier: GPL-2.0-only
#
# hugepost: module, library, tools and tests. "make help" lists the targets.

KDIR	?= /lib/modules/$(shell uname -r)/build
TOP	:= $(CURDIR)
# Where the module is built: one directory a kernel.
RELEASE	:= $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' \
			$(KDIR)/include/generated/utsrelease.h 2>/dev/null)
OUT	?= $(TOP)/build/$(or $(RELEASE),kernel)

SOURCES	 = Kbuild kmod/probe $(wildcard kmod/*.[ch]) $(wildcard uapi/linux/*.h)

VERSION	:= $(shell cat userspace/VERSION)
# With DESTDIR, modules go below it, too.
INSTALL_MOD_PATH ?= $(DESTDIR)
DKMSDIR	?= /usr/src/hugepost-$(VERSION)

.PHONY: all modules userspace sources setup demo demo-stream \
	bench check check-quick check-debug soak install uninstall install-dkms uninstall-dkms deb \
	clean help

all: modules userspace

# The module's sources appear in OUT as links, so that several kernels' objects
# can lie beside each other.
sources:
	@mkdir -p $(OUT)/kmod $(OUT)/uapi/linux
	@find $(OUT) -xtype l -delete
	@for f in $(SOURCES); do [ -e $(OUT)/$$f ] || ln -srf $$f $(OUT)/$$f; done

modules: sources
	@[ -e $(KDIR)/Makefile ] || { echo "no kernel headers in $(KDIR):" \
		"install linux-headers or give KDIR=..." >&2; exit 1; }
	$(MAKE) -C $(KDIR) M=$(OUT) modules

userspace:
	$(MAKE) -C userspace all

setup:
	selftests/setup/setup

demo:
	@selftests/demo/run

demo-stream:
	@selftests/demo/stream/run

check:
	@selftests/check

bench:
	@selftests/bench/run

check-quick:
	@HUGEPOST_KERNELS=$(or $(HUGEPOST_KERNELS),6.1) HUGEPOST_LIVE=some \
		selftests/check

# One VM at a time: its kernel keeps two CPUs busy.
check-debug:
	@HUGEPOST_KERNELS="$(or $(HUGEPOST_KERNELS),6.12-debug 7-debug 6.12-kcsan 6.12-kmsan)" \
		HUGEPOST_LIVE=some HUGEPOST_STATIC=no HUGEPOST_JOBS=1 \
		selftests/check

soak:
	@MINUTES=$(or $(MINUTES),60) selftests/soak

install: modules userspace
	$(MAKE) -C $(KDIR) M=$(OUT) INSTALL_MOD_DIR=updates \
		INSTALL_MOD_PATH=$(INSTALL_MOD_PATH) modules_install
	$(MAKE) -C userspace install

uninstall:
	rm -f $(INSTALL_MOD_PATH)/lib/modules/$(RELEASE)/updates/hugepost.ko*
	$(if $(INSTALL_MOD_PATH),,-depmod $(RELEASE))
	$(MAKE) -C userspace uninstall

# The module's sources, for DKMS to build it for each kernel.
install-dkms:
	@for f in dkms.conf $(SOURCES); do \
		install -D -m 644 $$f $(DESTDIR)$(DKMSDIR)/$$f || exit 1; done

uninstall-dkms:
	rm -rf $(DESTDIR)$(DKMSDIR)

deb:
	@selftests/setup/setup packaging
	@selftests/packages/build

clean:
	rm -rf build

help:
	@echo 'make              module (for KDIR=$(KDIR)) and user space'
	@echo 'make modules      the module only; give KDIR=... for another kernel'
	@echo 'make userspace    library, tools, man pages'
	@echo 'make install      module, library, tools, man pages, udev rule'
	@echo '                  (DESTDIR, PREFIX, INSTALL_MOD_PATH are honoured)'
	@echo 'make uninstall    takes away what install put there'
	@echo 'make install-dkms the module as source, for "dkms install" (DESTDIR)'
	@echo 'make uninstall-dkms  takes that away, after "dkms remove"'
	@echo 'make deb          Debian packages, in build/deb'
	@echo 'make setup        gets what the following need: packages, kernels'
	@echo 'make demo         three live migrations of one guest, compared'
	@echo 'make demo-stream  assembles a guest from a migration stream'
	@echo 'make check        all checks, on all kernels, in VMs'
	@echo 'make check-quick  on one kernel (HUGEPOST_KERNELS=6.1), with fewer'
	@echo '                  live migrations'
	@echo 'make bench        what hugepost costs, beside what one would take instead'
	@echo 'make check-debug  the same on kernels that look for bugs, which it builds'
	@echo '                  (HUGEPOST_KERNELS="6.12-debug 7-debug 6.12-kcsan 6.12-kmsan")'
	@echo 'make soak         random and rough tests again and again (MINUTES=60)'
	@echo 'make clean        removes build/'
