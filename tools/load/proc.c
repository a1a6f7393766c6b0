/**
 * @file proc.c  CPU time and memory of the process under test
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "proc.h"


static int slurp(char *buf, size_t size, const char *path)
{
	FILE *f = fopen(path, "re");
	size_t n;

	if (!f)
		return errno;

	n = fread(buf, 1, size - 1, f);
	buf[n] = '\0';
	(void)fclose(f);

	return n ? 0 : ENODATA;
}


int proc_read(struct proc *proc, const char *pid_file)
{
	unsigned long utime, stime;
	char buf[1024], path[64];
	const char *rest;
	long rss;
	int err, pid;

	memset(proc, 0, sizeof(*proc));

	err = slurp(buf, sizeof(buf), pid_file);
	if (err)
		return err;
	if (sscanf(buf, "%d", &pid) != 1)
		return EBADMSG;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	err = slurp(buf, sizeof(buf), path);
	if (err)
		return err;

	/* the name, in parentheses, may hold anything: count from its end
	   (proc(5): state is field 3, utime 14, stime 15, rss 24) */
	rest = strrchr(buf, ')');
	if (!rest || sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u "
			    "%*u %*u %lu %lu %*d %*d %*d %*d %*d %*d %*u %*u "
			    "%ld", &utime, &stime, &rss) != 3)
		return EBADMSG;

	proc->cpu_s = (double)(utime + stime) / (double)sysconf(_SC_CLK_TCK);
	proc->rss_kb = rss * (sysconf(_SC_PAGESIZE) / 1024);

	return 0;
}
