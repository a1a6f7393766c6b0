/**
 * @file program.c  Where our other programs are
 */
#include <limits.h>
#include <unistd.h>

#include "libre.h"
#include "program.h"


void program_find(char *path, size_t size, const char *name)
{
	char own[PATH_MAX];
	const ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
	char *slash;

	str_ncpy(path, name, size);
	if (n <= 0)
		return;

	own[n] = '\0';
	slash  = strrchr(own, '/');
	if (!slash)
		return;

	slash[1] = '\0';
	(void)re_snprintf(path, size, "%s%s", own, name);
	if (access(path, X_OK))
		str_ncpy(path, name, size);
}
