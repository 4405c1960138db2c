# SPDX-License-Identifier: GPL-2.0-only
#
# hugepost-stream: loads QEMU's migration stream into hugepost's memory.
#
#   make check-stream   error cases and good streams, parsed on this machine
#   make check-fuzz     the seeds, then FUZZ_RUNS inputs made by libFuzzer
#   make fuzz-stream    only builds the fuzzer, for longer runs

STREAM_O := $(O)/stream
STREAM := $(O)/hugepost-stream
STREAM_OBJS := $(patsubst stream/%.c,$(STREAM_O)/%.o,$(wildcard stream/*.c)) \
	$(O)/common/size.o $(O)/common/meminfo.o $(O)/common/signals.o

STREAM_FUZZ := $(O)/fuzz-stream
STREAM_FUZZ_SRCS := stream/fuzz/fuzz.c stream/parser.c stream/ram.c stream/skip.c stream/reader.c
FUZZ_CC ?= $(firstword $(shell command -v clang-14 clang) clang)
FUZZ_RUNS ?= 200000

PROGRAMS += $(STREAM)
CHECKS += check-stream check-fuzz
CLEAN += $(STREAM_O) $(STREAM_FUZZ)
BASH_COMPLETIONS += stream/completions/hugepost-stream.bash
ZSH_COMPLETIONS += stream/completions/_hugepost-stream

.PHONY: check-stream check-fuzz fuzz-stream

$(STREAM_O)/%.o: stream/%.c VERSION stream/stream.mk
	@mkdir -p $(@D)
	$(CC) $(BASE_CPPFLAGS) -DHUGEPOST_VERSION='"$(VERSION)"' $(CPPFLAGS) $(BASE_CFLAGS) \
		$(CFLAGS) -MMD -MP -c -o $@ $<

$(STREAM): $(STREAM_OBJS) $(LIB_A)
	$(CC) -pthread $(CFLAGS) $(LDFLAGS) -o $@ $(STREAM_OBJS) $(LIB_A) -ljson-c

$(STREAM_FUZZ): $(STREAM_FUZZ_SRCS) $(wildcard stream/*.h) stream/stream.mk
	@mkdir -p $(@D)
	$(FUZZ_CC) $(BASE_CPPFLAGS) -Istream -std=gnu11 $(WARNINGS) $(WERROR) -O1 -g \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		-o $@ $(STREAM_FUZZ_SRCS)

fuzz-stream: $(STREAM_FUZZ)

check-stream: $(STREAM)
	stream/tests/check-stream $(STREAM) $(STREAM_O)/tests

check-fuzz: $(STREAM_FUZZ)
	tests/check-fuzz $(STREAM_FUZZ) stream/fuzz/seeds $(STREAM_O)/fuzz $(FUZZ_RUNS)

-include $(STREAM_OBJS:.o=.d)
