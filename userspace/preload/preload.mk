# SPDX-License-Identifier: GPL-2.0-only
#
# libhugepost-preload: adapts a VMM's calls of userfaultfd (see hugepost-qemu).
#
#   make check-preload    its symbols, and that other programs do not notice it
#   make check-head       how streams begin
#   make check-vhost      dialogues of QEMU and vhost-user back ends
#   make check-fuzz-vhost inputs made by libFuzzer for what knows of vhost-user

PRELOAD_O := $(O)/preload
PRELOAD := $(O)/libhugepost-preload.so
PRELOAD_OBJS := $(patsubst preload/%.c,$(PRELOAD_O)/%.o,$(wildcard preload/*.c))

PRELOAD_VHOST := $(O)/check-vhost
PRELOAD_HEAD := $(O)/check-head
PRELOAD_FUZZ := $(O)/fuzz-vhost
PRELOAD_FUZZ_SRCS := preload/fuzz/fuzz.c preload/vhost_msg.c

PRELOADS += $(PRELOAD)
CHECKS += check-preload check-head check-vhost check-fuzz-vhost
CLEAN += $(PRELOAD_O) $(PRELOAD) $(PRELOAD_FUZZ) $(PRELOAD_VHOST) $(PRELOAD_HEAD)

.PHONY: check-preload check-head check-vhost check-fuzz-vhost

# One definition serves the names of both sizes of off_t, which are the same here.
$(PRELOAD_O)/%.o: preload/%.c VERSION preload/preload.mk
	@mkdir -p $(@D)
	$(CC) $(filter-out -D_FILE_OFFSET_BITS=64,$(BASE_CPPFLAGS)) -D_LARGEFILE64_SOURCE \
		$(CPPFLAGS) $(BASE_CFLAGS) $(CFLAGS) -fPIC -MMD -MP -c -o $@ $<

$(PRELOAD): $(PRELOAD_OBJS) $(LIB_OBJS) preload/preload.map
	$(CC) -shared -pthread $(CFLAGS) $(LDFLAGS) -Wl,-z,defs -Wl,-z,now \
		-Wl,--version-script,preload/preload.map -o $@ $(PRELOAD_OBJS) $(LIB_OBJS) -ldl

check-preload: $(PRELOAD)
	preload/tests/check-preload $(PRELOAD) $(PRELOAD_O)/tests

$(PRELOAD_FUZZ): $(PRELOAD_FUZZ_SRCS) preload/vhost.h preload/preload.mk
	@mkdir -p $(@D)
	$(FUZZ_CC) $(BASE_CPPFLAGS) -Ipreload -std=gnu11 $(WARNINGS) $(WERROR) -O1 -g \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		-o $@ $(PRELOAD_FUZZ_SRCS)

# The sanitizers see a byte that is read beyond the end.
$(PRELOAD_HEAD): preload/tests/head.c preload/head.c preload/head.h preload/preload.mk
	$(CC) $(BASE_CPPFLAGS) $(CPPFLAGS) $(BASE_CFLAGS) $(CFLAGS) $(LDFLAGS) \
		-fsanitize=address,undefined -fno-sanitize-recover=undefined -o $@ \
		preload/tests/head.c preload/head.c

check-head: $(PRELOAD_HEAD)
	$(PRELOAD_HEAD)

$(PRELOAD_VHOST): preload/tests/vhost.c preload/vhost_msg.c preload/vhost.h preload/preload.mk
	$(CC) $(BASE_CPPFLAGS) $(CPPFLAGS) $(BASE_CFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ \
		preload/tests/vhost.c preload/vhost_msg.c

check-vhost: $(PRELOAD_VHOST)
	$(PRELOAD_VHOST)

check-fuzz-vhost: $(PRELOAD_FUZZ)
	tests/check-fuzz $(PRELOAD_FUZZ) preload/fuzz/seeds $(PRELOAD_O)/fuzz $(FUZZ_RUNS)

-include $(PRELOAD_OBJS:.o=.d)
