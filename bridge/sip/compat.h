/**
 * @file compat.h  What differs between libre's versions
 *
 * One source builds with libre 1.1 and 2.0, and with 3.x and 4.x. Here are
 * the few calls whose form has changed; the build tells by LIBRE_2 and
 * LIBRE_3_6 (cmake/libraries.cmake) which of them we have.
 */
#ifndef SIP_COMPAT_H
#define SIP_COMPAT_H

#include "bridge/base/libre.h"

/** A descriptor in the loop; zeroed memory is one that is not watched */
struct loop_fd {
#ifdef LIBRE_3_6
	struct re_fhs *fhs;        /* owned */
#endif
	int fd;
	bool on;
};


/**
 * Have the loop watch a descriptor, or change what it is watched for
 *
 * @param lf     Watch; holds the descriptor's number, does not own it
 * @param flags  FD_READ, FD_WRITE; errors are told with either (FD_EXCEPT)
 *
 * @return 0, or errno (EMFILE: more than fd_setsize() allows)
 */
static inline int loop_listen(struct loop_fd *lf, int fd, int flags,
			      fd_h *h, void *arg)
{
	int err;

#ifdef LIBRE_3_6
	err = fd_listen(&lf->fhs, fd, flags, h, arg);
#else
	err = fd_listen(fd, flags, h, arg);
#endif
	if (err)
		return err;

	lf->fd = fd;
	lf->on = true;

	return 0;
}


/** Stop watching; the descriptor stays open */
static inline void loop_close(struct loop_fd *lf)
{
	if (!lf->on)
		return;

#ifdef LIBRE_3_6
	lf->fhs = fd_close(lf->fhs);
#else
	fd_close(lf->fd);
#endif
	lf->on = false;
}

#endif
