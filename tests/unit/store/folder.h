/**
 * @file folder.h  A folder for one test, gone with all in it afterwards
 */
#ifndef TEST_FOLDER_H
#define TEST_FOLDER_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


static int folder_entry(const char *path, const struct stat *st, int type,
			struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;

	return remove(path);
}


/** A cmocka set-up: *state becomes the folder's path */
static int folder_make(void **state)
{
	char *path = strdup("/tmp/callbridge-test-XXXXXX");

	*state = path;

	return path && mkdtemp(path) ? 0 : -1;
}


/** The tear-down of it */
static int folder_remove(void **state)
{
	const int err = nftw(*state, folder_entry, 8, FTW_DEPTH | FTW_PHYS);

	free(*state);

	return err;
}

#endif
