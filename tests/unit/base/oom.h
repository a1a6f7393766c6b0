/**
 * @file oom.h  libre's allocator with a counter in front of it
 *
 * Include in one file of a test program: its definitions come before the
 * library's, for libre itself too.
 */
#include <dlfcn.h>

static long oom_left = -1;         /* allocations granted; -1: no limit */

#define OOM_NEXT(name) ((name ## _t *)(uintptr_t)dlsym(RTLD_NEXT, #name))

typedef void *(mem_alloc_t)(size_t, mem_destroy_h *);
typedef void *(mem_zalloc_t)(size_t, mem_destroy_h *);
typedef void *(mem_realloc_t)(void *, size_t);
typedef void *(mem_reallocarray_t)(void *, size_t, size_t, mem_destroy_h *);


static bool oom_refuse(void)
{
	if (oom_left < 0)
		return false;
	if (!oom_left)
		return true;

	--oom_left;

	return false;
}


void *mem_alloc(size_t size, mem_destroy_h *dh)
{
	return oom_refuse() ? NULL : OOM_NEXT(mem_alloc)(size, dh);
}


void *mem_zalloc(size_t size, mem_destroy_h *dh)
{
	return oom_refuse() ? NULL : OOM_NEXT(mem_zalloc)(size, dh);
}


void *mem_realloc(void *data, size_t size)
{
	return oom_refuse() ? NULL : OOM_NEXT(mem_realloc)(data, size);
}


void *mem_reallocarray(void *ptr, size_t nmemb, size_t membsize,
		       mem_destroy_h *dh)
{
	return oom_refuse() ? NULL :
		OOM_NEXT(mem_reallocarray)(ptr, nmemb, membsize, dh);
}


/** Call with 0, 1, 2 ... allocations granted until it succeeds; until then
    it may say ENOMEM and nothing else */
static inline void oom_walk(int (*callh)(void *arg), void *arg)
{
	for (long granted = 0; ; granted++) {
		int err;

		assert_true(granted < 10000);

		oom_left = granted;
		err = callh(arg);
		oom_left = -1;

		if (!err) {
			assert_true(granted > 0);
			return;
		}

		assert_int_equal(err, ENOMEM);
	}
}
