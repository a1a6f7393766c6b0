/**
 * @file phone_ports.c  Ports for a telephone of our own
 *
 * A port that the kernel chooses (bind to 0), is given back and then told to
 * another program is lost now and then: between the two any connection of the
 * machine may be given it.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "phone_ports.h"


enum {
	PORT_MIN = 10000, PORT_MAX = 16383, /* baresip's RTP begins here */
	TRIES = 64,
};


/** @return 0 if it can be bound, else why not */
static int try_port(const struct sa *local, unsigned offset, int type)
{
	struct sa sa = *local;
	const int fd = socket(sa_af(&sa), type | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return errno;

	sa_set_port(&sa, (uint16_t)(sa_port(local) + offset));
	err = bind(fd, &sa.u.sa, sa.len) ? errno : 0;
	(void)close(fd);

	return err;
}


int phone_port_sip(struct sa *local)
{
	enum { PAIRS = (PORT_MAX - PORT_MIN) / 2 };

	int err = EADDRINUSE;

	for (int i = 0; i < TRIES && err == EADDRINUSE; i++) {
		sa_set_port(local, (uint16_t)(PORT_MIN +
					      2 * (rand_u16() % PAIRS)));

		err = try_port(local, 0, SOCK_DGRAM);
		if (!err)
			err = try_port(local, 0, SOCK_STREAM);
		if (!err)
			err = try_port(local, 1, SOCK_STREAM);
	}

	return err;
}


/** All of 127.0.0.0/8 is this machine: a process has an address to itself */
int phone_port_control(struct sa *control)
{
	static unsigned drawn;
	const uint32_t own = 0x7f400000u | ((uint32_t)getpid() & 0x3fffffu);

	for (int i = 0; i < TRIES; i++) {
		sa_set_in(control, own, (uint16_t)(PORT_MIN + drawn++ %
						   (PORT_MAX - PORT_MIN)));
		if (!try_port(control, 0, SOCK_STREAM))
			return 0;
	}

	return EADDRINUSE;
}
