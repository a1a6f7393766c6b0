/**
 * @file field_hash.c  A number for what a struct holds
 */
#include "field_value.h"


/** FNV-1a over octets, by eight where there are: settings are few, users
    many */
static uint64_t mix(uint64_t h, const void *data, size_t l)
{
	const unsigned char *p = data;

	for (; l >= sizeof(uint64_t); l -= sizeof(uint64_t)) {
		uint64_t v;

		memcpy(&v, p, sizeof(v));
		h = (h ^ v) * UINT64_C(0x100000001b3);
		h ^= h >> 32;
		p += sizeof(v);
	}

	while (l--)
		h = (h ^ *p++) * UINT64_C(0x100000001b3);

	return h ^ h >> 29;
}


/** With its length, so that two texts are not another two */
static uint64_t mix_text(uint64_t h, const char *text)
{
	const uint64_t l = text ? strlen(text) + 1 : 0;

	h = mix(h, &l, sizeof(l));

	return text ? mix(h, text, l - 1) : h;
}


static uint64_t mix_fields(uint64_t h, const struct fields *t,
			   const void *obj, bool secrets);


static uint64_t mix_list(uint64_t h, const struct fields *t,
			 const struct list *list, bool secrets)
{
	const uint64_t c = list_count(list);

	h = mix(h, &c, sizeof(c));
	for (const struct le *le = list_head(list); le; le = le->next)
		h = mix_fields(h, t, le->data, secrets);

	return h;
}


static uint64_t mix_strings(uint64_t h, const struct strings *s)
{
	const uint64_t c = s->c;

	h = mix(h, &c, sizeof(c));
	for (size_t i = 0; i < s->c; i++)
		h = mix_text(h, s->v[i]);

	return h;
}


static uint64_t mix_field(uint64_t h, const struct field *f,
			  const void *member, bool secrets)
{
	switch (f->type) {

	case FIELD_BOOL:     return mix(h, member, sizeof(bool));
	case FIELD_INT:      return mix(h, member, sizeof(int64_t));
	case FIELD_DURATION:
	case FIELD_PERCENT:  return mix(h, member, sizeof(uint32_t));
	case FIELD_CHOICE:   return mix(h, member, sizeof(int));
	case FIELD_STRING:   return mix_text(h, *(char *const *)member);
	case FIELD_STRINGS:  return mix_strings(h, member);
	case FIELD_OBJECT:   return mix_fields(h, f->sub, member,
							 secrets);
	case FIELD_LIST:     return mix_list(h, f->sub, member,
						       secrets);
	}

	return h;
}


static uint64_t mix_fields(uint64_t h, const struct fields *t,
			   const void *obj, bool secrets)
{
	for (size_t i = 0; i < t->fieldc; i++) {
		const struct field *f = &t->fieldv[i];

		if (secrets || !(f->flags & FIELD_SECRET))
			h = mix_field(h, f, field_member(f, obj), secrets);
	}

	return h;
}


uint64_t fields_hash(const struct fields *t, const void *obj, bool secrets)
{
	return mix_fields(UINT64_C(0xcbf29ce484222325), t, obj, secrets);
}
