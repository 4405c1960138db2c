// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's serial port: lines to the host, and its commands. It is polled:
 * an interrupt would be one more thing to migrate, and only CPU 0 prints.
 */
#include "guest.h"

#define PORT			0x3f8
#define DATA			(PORT + 0)
#define INTERRUPT_ENABLE	(PORT + 1)
#define FIFO_CONTROL		(PORT + 2)
#define LINE_CONTROL		(PORT + 3)
#define MODEM_CONTROL		(PORT + 4)
#define LINE_STATUS		(PORT + 5)

#define FIFO_ENABLE_AND_CLEAR	0x07
#define LINE_8N1		0x03
#define LINE_DIVISOR		0x80
#define MODEM_DTR_RTS		0x03
#define STATUS_DATA_READY	0x01
#define STATUS_SEND_EMPTY	0x20

void serial_init(void)
{
	port_write8(INTERRUPT_ENABLE, 0);
	port_write8(LINE_CONTROL, LINE_DIVISOR);
	port_write8(DATA, 1);
	port_write8(INTERRUPT_ENABLE, 0);
	port_write8(LINE_CONTROL, LINE_8N1);
	port_write8(FIFO_CONTROL, FIFO_ENABLE_AND_CLEAR);
	port_write8(MODEM_CONTROL, MODEM_DTR_RTS);
}

static void put(char c)
{
	while (!(port_read8(LINE_STATUS) & STATUS_SEND_EMPTY))
		cpu_relax();
	port_write8(DATA, c);
}

/* Returns a character, or -1 if there is none. */
int serial_read(void)
{
	if (!(port_read8(LINE_STATUS) & STATUS_DATA_READY))
		return -1;
	return port_read8(DATA);
}

static void put_string(const char *s)
{
	while (*s)
		put(*s++);
}

static void put_decimal(u64 value)
{
	char digits[21];
	char *p = digits + sizeof(digits);

	*--p = '\0';
	do {
		u64 quotient = div_u64(value, 10);

		*--p = '0' + (u32)(value - quotient * 10);
		value = quotient;
	} while (value);
	put_string(p);
}

static void put_hex(u32 value)
{
	int shift;

	for (shift = 28; shift >= 0; shift -= 4)
		put("0123456789abcdef"[value >> shift & 0xf]);
}

/* Knows %u, %llu and %08x. */
void say(const char *format, ...)
{
	const char *next;
	va_list args;

	put_string("guest: ");
	va_start(args, format);
	while (*format) {
		next = skip_prefix(format, "%u");
		if (next) {
			put_decimal(va_arg(args, u32));
			format = next;
			continue;
		}
		next = skip_prefix(format, "%llu");
		if (next) {
			put_decimal(va_arg(args, u64));
			format = next;
			continue;
		}
		next = skip_prefix(format, "%08x");
		if (next) {
			put_hex(va_arg(args, u32));
			format = next;
			continue;
		}
		put(*format++);
	}
	va_end(args);
	put('\n');
}
