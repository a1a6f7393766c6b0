/**
 * @file directory.h  A customer's people, as Microsoft 365 knows them
 *
 * First all are read, then only what changed (delta); when the delta link
 * has had its time, all again. A round counts when its last page has come,
 * or not at all. Lists lag behind: who is not in a list of all is only gone
 * when the next one lacks them too.
 */
#ifndef SYNC_DIRECTORY_H
#define SYNC_DIRECTORY_H

#include "graph.h"

/** Best of the Teams Phone licences somebody has */
enum licence {
	LICENCE_NONE,
	LICENCE_LOCKED,            /* suspended, locked out, deleted        */
	LICENCE_WARNING,           /* has run out, works for a while        */
	LICENCE_ENABLED,
};

struct person {
	struct le le;              /* of directory_people()                 */
	struct le he;
	char *id;                  /* GUID; does not change                 */
	char *upn;                 /* "" not told                           */
	char *name;                /* "" not told                           */
	char *country;             /* usageLocation: ISO 3166, "" none      */
	char *phone, *mobile;      /* of the directory, not of Teams; ""    */
	bool guest, disabled;
	bool resource;             /* a resource account's licence          */
	enum licence licence;
	uint64_t round;            /* last full round it was in             */
	unsigned missing;          /* full rounds in a row without it       */
	bool changed;              /* by the round that counted last        */
};

struct directory;
struct json_t;

struct directory_counts { unsigned pages, seen, removed; };

/** Called exactly once, from the event loop */
typedef void (directory_h)(const struct graph_result *result, void *arg);

int directory_alloc(struct directory **dirp);

/**
 * Read what is new since the last time, or all
 *
 * @param g  Borrowed until the handler is called
 *
 * @return 0, EALREADY, ENOMEM
 */
int directory_pull(struct directory *dir, struct graph *g, directory_h *h,
		   void *arg);

/** The same, but the round does not count yet: directory_commit() is for
    another thread, as there may be 100,000 people */
int directory_gather(struct directory *dir, struct graph *g, directory_h *h,
		     void *arg);

/** Take what was gathered. @return 0, EINVAL nothing was, ENOMEM: next time
    all is read */
int directory_commit(struct directory *dir);

/** struct person, in the order of their coming */
const struct list *directory_people(const struct directory *dir);

/** Those whom the round that counted last has found gone */
const struct list *directory_left(const struct directory *dir);

/** Was it a round of all? */
bool directory_was_full(const struct directory *dir);

/** Where the next round begins, "": with all */
const char *directory_delta(const struct directory *dir);

/** Go on from there, instead of reading all. @param delta  Copied */
int directory_resume(struct directory *dir, const char *delta);

/** Somebody as kept, and put back. @return NULL without memory */
struct json_t *person_json(const struct person *person);

/** @return 0, EBADMSG, ENOMEM */
int directory_put(struct directory *dir, const char *id, unsigned missing,
		  const struct json_t *json);

void directory_counts(const struct directory *dir,
		      struct directory_counts *counts);

#endif
