# SPDX-License-Identifier: GPL-2.0-only
#
# hugepost-qemu: starts QEMU with the shim, the guest's memory on hugepost.
#
#   make check-qemu     what it makes of command lines, with a QEMU that only
#                       prints what it got, and a device that is not there

QEMU_O := $(O)/qemu
QEMU := $(O)/hugepost-qemu
QEMU_OBJS := $(patsubst qemu/%.c,$(QEMU_O)/%.o,$(wildcard qemu/*.c)) $(O)/common/meminfo.o
QEMU_TEST := $(QEMU_O)/tests/hugepost-qemu

PROGRAMS += $(QEMU)
CHECKS += check-qemu
CLEAN += $(QEMU_O)

.PHONY: check-qemu

# Changes when PRELOADDIR does, as it may between make and make install.
$(QEMU_O)/preloaddir: FORCE
	@mkdir -p $(@D)
	@echo '$(PRELOADDIR)' | cmp -s - $@ || echo '$(PRELOADDIR)' >$@

$(QEMU_O)/find.o: $(QEMU_O)/preloaddir

$(QEMU_O)/%.o: qemu/%.c VERSION qemu/qemu.mk
	@mkdir -p $(@D)
	$(CC) $(BASE_CPPFLAGS) -DHUGEPOST_PRELOADDIR='"$(PRELOADDIR)"' $(CPPFLAGS) $(BASE_CFLAGS) \
		$(CFLAGS) -MMD -MP -c -o $@ $<

$(QEMU): $(QEMU_OBJS) $(LIB_A)
	$(CC) -pthread $(CFLAGS) $(LDFLAGS) -o $@ $(QEMU_OBJS) $(LIB_A) -ljson-c

# The same, but for the device: a device that is always there.
$(QEMU_TEST): $(QEMU_OBJS) qemu/tests/fake-device.c qemu/qemu.mk
	@mkdir -p $(@D)
	$(CC) $(BASE_CPPFLAGS) $(CPPFLAGS) $(BASE_CFLAGS) $(CFLAGS) $(LDFLAGS) \
		-o $@ qemu/tests/fake-device.c $(QEMU_OBJS) -ljson-c

check-qemu: $(QEMU) $(QEMU_TEST)
	qemu/tests/check-qemu $(QEMU) $(QEMU_TEST) $(QEMU_O)/tests/scratch

-include $(QEMU_OBJS:.o=.d)
