/**
 * @file program.h  Where our other programs are
 */
#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

#include <stddef.h>

/**
 * The path of a program of ours: beside the one that runs, else its name
 * alone, for the PATH
 *
 * @param path  Where to write, always terminated
 * @param size  Octets there
 * @param name  "callbridge"
 */
void program_find(char *path, size_t size, const char *name);

#endif
