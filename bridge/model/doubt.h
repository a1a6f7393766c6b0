/**
 * @file doubt.h  Settings that are allowed and will probably hurt
 */
#ifndef MODEL_DOUBT_H
#define MODEL_DOUBT_H

struct pbx;

/**
 * Called for each doubt
 *
 * @param field  Dotted path of pbx_fields
 * @param text   What is doubtful, and what to do; one line, static
 */
typedef void (doubt_h)(const char *field, const char *text, void *arg);

/** What is doubtful about a PBX's settings */
void pbx_doubts(const struct pbx *pbx, doubt_h *h, void *arg);

#endif
