/**
 * @file replay.c  Feeds a fuzzer's seeds to its harness, without libFuzzer
 *
 * So that every compiler and every test run looks at them, and what was once
 * found stays found: replay FOLDER...
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>


enum { INPUT_MAX = 1 << 20 };


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static int feed(const char *folder, const char *name)
{
	static uint8_t buf[INPUT_MAX];
	char path[4096];
	uint8_t *copy;
	size_t size;
	FILE *f;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, name) >=
	    sizeof(path))
		return -1;

	f = fopen(path, "rb");
	if (!f)
		return -1;

	size = fread(buf, 1, sizeof(buf), f);
	(void)fclose(f);

	/* of its own size, so that a read past the end is seen */
	copy = malloc(size ? size : 1);
	if (!copy)
		return -1;

	for (size_t i = 0; i < size; i++)
		copy[i] = buf[i];

	(void)LLVMFuzzerTestOneInput(copy, size);
	free(copy);

	return 0;
}


int main(int argc, char *argv[])
{
	size_t count = 0;

	for (int i = 1; i < argc; i++) {

		DIR *dir = opendir(argv[i]);
		struct dirent *entry;

		if (!dir) {
			perror(argv[i]);
			return EXIT_FAILURE;
		}

		while ((entry = readdir(dir))) {
			if (entry->d_name[0] == '.')
				continue;
			if (feed(argv[i], entry->d_name)) {
				perror(entry->d_name);
				return EXIT_FAILURE;
			}
			++count;
		}

		(void)closedir(dir);
	}

	(void)printf("%zu inputs\n", count);

	return count ? EXIT_SUCCESS : EXIT_FAILURE;
}
