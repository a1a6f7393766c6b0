/**
 * @file template_doctor.h  Which settings a PBX takes, tried on the PBX
 */
#ifndef CALLBRIDGE_TEMPLATE_DOCTOR_H
#define CALLBRIDGE_TEMPLATE_DOCTOR_H

#include "cli.h"

struct doctor_conf {
	const struct cli *cli;
	const char *file;          /* customer file                        */
	const char *user;          /* UPN of the user to register          */
	const char *templates;     /* folder of own templates, or NULL     */
	long refusals;             /* stop at so many                      */
	bool json;
};

/** Try, and tell what was found. @return EXIT_GOOD something registers,
    EXIT_FAILING nothing does, EXIT_BAD it could not be tried (told) */
int template_doctor(const struct doctor_conf *conf);

#endif
