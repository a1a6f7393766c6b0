/**
 * @file options.c  Reading the command line of a command
 *
 * Options and arguments may stand in any order; "--" ends the options.
 * `--name value` and `--name=value` are the same.
 */
#include <stdlib.h>

#include "bridge/base/errors.h"
#include "cli.h"


enum { OPTIONS_MAX = 16 };


static const struct opt *option_find(const struct opt *optv,
				     const struct pl *name)
{
	for (; optv->name; optv++)
		if (!pl_strcmp(name, optv->name))
			return optv;

	return NULL;
}


static void tell_unknown(const struct opt *optv, const char *command,
			 const struct pl *name)
{
	const char *wordv[OPTIONS_MAX], *near;
	char word[64];
	size_t c = 0;

	for (; optv->name && c < OPTIONS_MAX; optv++)
		wordv[c++] = optv->name;

	(void)pl_strcpy(name, word, sizeof(word));
	near = errors_nearest(word, wordv, c);

	if (near)
		term_error("%s: unknown option --%r: did you mean --%s?",
			   command, name, near);
	else
		term_error("%s: unknown option --%r; see `callbridge %s"
			   " --help`", command, name, command);
}


/**
 * @param i  The option's index; moved on to its value if that is apart
 */
static int option_read(const struct opt *optv, int argc, char *argv[], int *i)
{
	const char *text = argv[*i] + 2;
	const char *equals = strchr(text, '=');
	const struct pl name = {
		.p = text,
		.l = equals ? (size_t)(equals - text) : strlen(text),
	};
	const struct opt *opt = option_find(optv, &name);

	if (!opt) {
		tell_unknown(optv, argv[0], &name);
		return EINVAL;
	}

	if (opt->flag && equals) {
		term_error("%s: --%s takes no value", argv[0], opt->name);
		return EINVAL;
	}

	if (opt->flag) {
		*opt->flag = true;
		return 0;
	}

	if (!equals && *i + 1 == argc) {
		term_error("%s: --%s wants a value", argv[0], opt->name);
		return EINVAL;
	}

	*opt->value = equals ? equals + 1 : argv[++*i];

	return 0;
}


int options_read(const struct opt *optv, int *argcp, char *argv[])
{
	int argc = *argcp, left = 1, err;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--")) {
			while (++i < argc)
				argv[left++] = argv[i];
			break;
		}

		if (strncmp(argv[i], "--", 2)) {
			argv[left++] = argv[i];
			continue;
		}

		err = option_read(optv, argc, argv, &i);
		if (err)
			return err;
	}

	*argcp = left;

	return 0;
}


int options_argc(int argc, char *argv[], int min, int max)
{
	if (argc - 1 >= min && argc - 1 <= max)
		return 0;

	if (argc - 1 > max)
		term_error("%s: \"%s\" is one argument too many; see"
			   " `callbridge %s --help`", argv[0],
			   argv[max + 1], argv[0]);
	else
		term_error("%s: an argument is missing; see `callbridge %s"
			   " --help`", argv[0], argv[0]);

	return EINVAL;
}


int options_number(const char *name, const char *text, long min, long max,
		   long *value)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);

	if (errno || end == text || *end || n < min || n > max) {
		term_error("--%s: want %ld..%ld, found \"%s\"", name, min, max,
			   text);
		return EINVAL;
	}

	*value = n;

	return 0;
}
