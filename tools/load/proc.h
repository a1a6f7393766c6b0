/**
 * @file proc.h  CPU time and memory of the process under test
 */
#ifndef LOAD_PROC_H
#define LOAD_PROC_H

struct proc {
	double cpu_s;              /* user and system, all threads */
	long rss_kb;
};

/**
 * @param pid_file  File that holds the process id
 *
 * @return 0, errno: *proc is then all zero
 */
int proc_read(struct proc *proc, const char *pid_file);

#endif
