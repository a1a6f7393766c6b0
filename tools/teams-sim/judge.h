/**
 * @file judge.h  Messages from a stream, judged
 *
 * For tests whose Teams is a script: what the rules of conform.c that one
 * message shows make of each.
 */
#ifndef TEAMS_SIM_JUDGE_H
#define TEAMS_SIM_JUDGE_H

#include <stdio.h>

/**
 * Judge messages from a stream, one JSON array of rule names a line
 *
 * @param in   SIP messages one after the other, framed by Content-Length
 * @param out  One line for each message
 *
 * @return 0, EBADMSG where the stream cannot be framed, ENOMEM
 */
int judge_stream(FILE *in, FILE *out);

#endif
