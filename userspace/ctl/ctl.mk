# SPDX-License-Identifier: GPL-2.0-only
#
# hugepostctl: looks at the module's objects, and changes its settings.
#
#   make check-ctl      what runs without the module: formats, the screen of top,
#                       wrong usage, and the errors of a module that is not there

CTL_O := $(O)/ctl
CTL := $(O)/hugepostctl
CTL_OBJS := $(patsubst ctl/%.c,$(CTL_O)/%.o,$(wildcard ctl/*.c)) $(O)/common/size.o \
	$(O)/common/signals.o
CTL_CPPFLAGS := $(shell pkg-config --cflags libnl-genl-3.0 ncursesw)
CTL_LIBS := $(shell pkg-config --libs libnl-genl-3.0 ncursesw json-c) -lm
CTL_TESTS := $(patsubst ctl/tests/%.c,$(CTL_O)/tests/%,$(wildcard ctl/tests/*.c))

PROGRAMS += $(CTL)
CHECKS += check-ctl
CLEAN += $(CTL_O)
BASH_COMPLETIONS += ctl/completions/hugepostctl.bash
ZSH_COMPLETIONS += ctl/completions/_hugepostctl

.PHONY: check-ctl

$(CTL_O)/%.o: ctl/%.c VERSION ctl/ctl.mk
	@mkdir -p $(@D)
	$(CC) $(BASE_CPPFLAGS) $(CTL_CPPFLAGS) $(CPPFLAGS) $(BASE_CFLAGS) $(CFLAGS) -MMD -MP \
		-c -o $@ $<

$(CTL): $(CTL_OBJS)
	$(CC) -pthread $(CFLAGS) $(LDFLAGS) -o $@ $(CTL_OBJS) $(CTL_LIBS)

# The tests have the program's parts, but for its own main().
$(CTL_O)/tests/%: ctl/tests/%.c $(CTL_OBJS)
	@mkdir -p $(@D)
	$(CC) -Ictl -Itests $(BASE_CPPFLAGS) $(CTL_CPPFLAGS) $(CPPFLAGS) $(BASE_CFLAGS) $(CFLAGS) \
		$(LDFLAGS) -MMD -MP -o $@ $< $(filter-out %/main.o,$(CTL_OBJS)) $(CTL_LIBS)

check-ctl: $(CTL) $(CTL_TESTS)
	ctl/tests/check-ctl $(CTL) $(CTL_O)/tests

-include $(CTL_OBJS:.o=.d) $(CTL_TESTS:=.d)
