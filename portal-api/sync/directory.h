/**
 * @file directory.h  A customer's people, as Microsoft 365 knows them
 *
 * First all are read, then only what changed (delta); when the delta link
 * has had its time, all again. A round counts when its last page has come,
 * or not at all.
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
	bool guest, disabled;
	bool resource;             /* a resource account's licence          */
	enum licence licence;
	uint64_t round;            /* last full round it was in             */
};

struct directory;

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

/** struct person, in the order of their coming */
const struct list *directory_people(const struct directory *dir);

void directory_counts(const struct directory *dir,
		      struct directory_counts *counts);

#endif
