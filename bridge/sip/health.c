/**
 * @file health.c  Which of a hop's addresses answer
 */
#include "bridge/base/libre.h"
#include "bridge/base/wheel.h"
#include "health.h"


enum {
	ANSWERS_MIN  = 3,          /* in a row, before one is back         */
	ANSWERS_MAX  = 24,
	RELAPSE_MS   = 600000,     /* fell again within: twice as many     */
};


struct place {
	enum sip_transp tp;
	struct sa addr;
	uint64_t up_ms;            /* since when it is back, 0: not known  */
	unsigned wanted;           /* answers before it is back            */
	unsigned answers;          /* so far, in a row                     */
	bool down;
};

struct health {
	struct wheel *wheel;       /* borrowed                             */
	struct place placev[HEALTH_MAX];
	size_t placec, next;
};


int health_alloc(struct health **hp, struct wheel *wheel)
{
	struct health *h;

	if (!hp || !wheel)
		return EINVAL;

	h = mem_zalloc(sizeof(*h), NULL);
	if (!h)
		return ENOMEM;

	h->wheel = wheel;
	*hp = h;

	return 0;
}


static struct place *find(const struct health *h, enum sip_transp tp,
			  const struct sa *addr)
{
	for (size_t i = 0; h && i < h->placec; i++) {
		const struct place *place = &h->placev[i];

		if (place->tp == tp && sa_cmp(&place->addr, addr, SA_ALL))
			return (struct place *)(uintptr_t)place;
	}

	return NULL;
}


static struct place *make(struct health *h, enum sip_transp tp,
			  const struct sa *addr)
{
	struct place *place = &h->placev[h->next];

	h->next = (h->next + 1) % HEALTH_MAX;
	if (h->placec < HEALTH_MAX)
		++h->placec;

	memset(place, 0, sizeof(*place));
	place->tp     = tp;
	place->addr   = *addr;
	place->wanted = ANSWERS_MIN;

	return place;
}


void health_failed(struct health *h, enum sip_transp tp,
		   const struct sa *addr)
{
	struct place *place;

	if (!h || !addr)
		return;

	place = find(h, tp, addr);
	if (!place)
		place = make(h, tp, addr);

	place->answers = 0;
	if (place->down)
		return;

	place->down = true;
	if (place->up_ms && wheel_now(h->wheel) - place->up_ms < RELAPSE_MS)
		place->wanted = place->wanted * 2 > ANSWERS_MAX ?
			ANSWERS_MAX : place->wanted * 2;
	else
		place->wanted = ANSWERS_MIN;
}


bool health_answered(struct health *h, enum sip_transp tp,
		     const struct sa *addr)
{
	struct place *place = addr ? find(h, tp, addr) : NULL;

	if (!place || !place->down || ++place->answers < place->wanted)
		return false;

	place->down  = false;
	place->up_ms = wheel_now(h->wheel);

	return true;
}


bool health_is_down(const struct health *h, enum sip_transp tp,
		    const struct sa *addr)
{
	const struct place *place = addr ? find(h, tp, addr) : NULL;

	return place && place->down;
}


bool health_next_down(const struct health *h, size_t *at,
		      enum sip_transp *tp, struct sa *addr)
{
	while (h && *at < h->placec) {
		const struct place *place = &h->placev[(*at)++];

		if (!place->down)
			continue;

		*tp   = place->tp;
		*addr = place->addr;

		return true;
	}

	return false;
}
