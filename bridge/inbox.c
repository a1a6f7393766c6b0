/**
 * @file inbox.c  What other threads ask of the SIP thread, in order
 */
#include <pthread.h>
#include <stdlib.h>

#include "bridge/base/libre.h"
#include "inbox.h"


struct letter {
	struct letter *next;
	void *data;
	int id;
};


struct inbox {
	struct mqueue *bell;       /* owned                                 */
	inbox_h *h, *droph;
	void *arg;
	pthread_mutex_t lock;      /* for what follows                      */
	struct letter *first, **endp;  /* owned, as all after it            */
};


static struct letter *letter_take(struct inbox *ib)
{
	struct letter *letter;

	(void)pthread_mutex_lock(&ib->lock);
	letter = ib->first;
	if (letter) {
		ib->first = letter->next;
		if (!ib->first)
			ib->endp = &ib->first;
	}
	(void)pthread_mutex_unlock(&ib->lock);

	return letter;
}


static void empty(struct inbox *ib, inbox_h *h)
{
	struct letter *letter;

	while ((letter = letter_take(ib))) {
		h(letter->id, letter->data, ib->arg);
		free(letter);
	}
}


static void destructor(void *data)
{
	struct inbox *ib = data;

	mem_deref(ib->bell);
	empty(ib, ib->droph);
	(void)pthread_mutex_destroy(&ib->lock);
}


static void bell_h(int id, void *data, void *arg)
{
	struct inbox *ib = arg;
	(void)id;
	(void)data;

	empty(ib, ib->h);
}


int inbox_alloc(struct inbox **ibp, inbox_h *h, inbox_h *droph, void *arg)
{
	struct inbox *ib = mem_zalloc(sizeof(*ib), destructor);
	int err;

	if (!ib)
		return ENOMEM;

	(void)pthread_mutex_init(&ib->lock, NULL);
	ib->endp  = &ib->first;
	ib->h     = h;
	ib->droph = droph;
	ib->arg   = arg;

	err = mqueue_alloc(&ib->bell, bell_h, ib);
	if (err)
		mem_deref(ib);
	else
		*ibp = ib;

	return err;
}


int inbox_push(struct inbox *ib, int id, void *data)
{
	struct letter *letter = malloc(sizeof(*letter));
	int err = 0;

	if (!letter)
		return ENOMEM;

	letter->next = NULL;
	letter->data = data;
	letter->id   = id;

	/* whoever finds it empty rings; who comes while somebody waits is
	   found by the same round */
	(void)pthread_mutex_lock(&ib->lock);
	if (!ib->first && mqueue_push(ib->bell, 0, NULL))
		err = EAGAIN;
	if (!err) {
		*ib->endp = letter;
		ib->endp  = &letter->next;
	}
	(void)pthread_mutex_unlock(&ib->lock);

	if (err)
		free(letter);

	return err;
}
