/**
 * @file options.h  What load is asked to do
 */
#ifndef LOAD_OPTIONS_H
#define LOAD_OPTIONS_H

#include <netinet/in.h>
#include <stdbool.h>

struct options {
	struct sockaddr_in pbx;            /* the PBX's SIP port         */
	struct sockaddr_in teamsv[3];      /* where Teams listens        */
	unsigned teamsc;
	struct sockaddr_in target;         /* where calls go ...         */
	bool has_target;                   /* ... if not to contacts     */
	const char *certificate, *key, *ca_file, *route;
	const char *pid_file;

	unsigned first, users;             /* who is called and may
					      register                   */
	unsigned bind;                     /* registrations to wait for  */
	bool wait_signal;                  /* then go on by SIGUSR1      */
	unsigned stay_s;                   /* then look at them so long  */
	bool again;                        /* and for as many once more  */
	bool reuse_nonce;
	unsigned expires_s;

	unsigned warm_up, calls, media;    /* calls of the three phases  */
	double rate;
	unsigned hold_ms, seconds, deadline_s;
};

/** Read the command line; ends the program when it is wrong or asks for
    help */
void options_read(struct options *opt, int argc, char *argv[]);

#endif
