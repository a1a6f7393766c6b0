/**
 * @file music.c  The music that this service plays to somebody on hold
 */
#include <pthread.h>

#include "bridge/base/errors.h"
#include "bridge/base/libre.h"
#include "bridge/media/sound.h"
#include "bridge/model/tenant.h"
#include "music.h"


struct piece {
	struct le le;
	char *file;                /* owned; "" is our own tune */
	struct sound *sound;       /* owned                     */
};


static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list piecel;         /* struct piece */


static void destructor(void *arg)
{
	struct piece *piece = arg;

	list_unlink(&piece->le);
	mem_deref(piece->sound);
	mem_deref(piece->file);
}


static struct piece *find(struct list *list, const char *file)
{
	for (struct le *le = list_head(list); le; le = le->next) {
		struct piece *piece = le->data;

		if (!str_cmp(piece->file, file))
			return piece;
	}

	return NULL;
}


static int read_piece(struct list *newl, const char *file, const char *where,
		      struct errors *errs)
{
	struct place place = { NULL, 0, 0 };
	struct piece *piece;
	char why[160] = "";
	int err;

	piece = mem_zalloc(sizeof(*piece), destructor);
	if (!piece)
		return ENOMEM;

	err = str_dup(&piece->file, file);
	if (!err)
		err = *file ? sound_load(&piece->sound, file, why,
					 sizeof(why)) :
			sound_tune(&piece->sound);
	if (err) {
		mem_deref(piece);
		if (err == ENOMEM)
			return err;
		place.file = file;
		errors_add(errs, &place, where, "cannot be played: %s", why);
		return EBADMSG;
	}

	list_append(newl, &piece->le, piece);

	return 0;
}


static bool is_loaded(const char *file)
{
	bool loaded;

	(void)pthread_mutex_lock(&lock);
	loaded = find(&piecel, file) != NULL;
	(void)pthread_mutex_unlock(&lock);

	return loaded;
}


static void take(struct list *newl)
{
	struct le *le;

	(void)pthread_mutex_lock(&lock);
	while ((le = list_head(newl))) {
		struct piece *piece = le->data;

		mem_deref(find(&piecel, piece->file));
		list_unlink(le);
		list_append(&piecel, le, piece);
	}
	(void)pthread_mutex_unlock(&lock);
}


int music_load(const struct tenant *tenant, struct errors *errs)
{
	struct list newl = { NULL, NULL };
	int err = 0;

	for (struct le *le = list_head(&tenant->pbxl); le; le = le->next) {
		const struct pbx *pbx = le->data;
		const char *file = str_isset(pbx->hold.file) ?
			pbx->hold.file : "";
		char where[160];
		int e;

		/* a file is looked at also where it is not played yet; our
		   tune is always the same */
		if (find(&newl, file) || (!*file && (is_loaded(file) ||
		    pbx->hold.music != PBX_MUSIC_BRIDGE)))
			continue;

		re_snprintf(where, sizeof(where), "%s.pbx.%s.hold.file",
			    tenant->tenant, pbx->name);
		e = read_piece(&newl, file, where, errs);
		if (e)
			err = e;
	}

	if (err)
		list_flush(&newl);
	else
		take(&newl);

	return err;
}


struct sound *music_find(const char *file)
{
	struct piece *piece;
	struct sound *sound;

	(void)pthread_mutex_lock(&lock);
	piece = find(&piecel, file ? file : "");
	sound = piece ? mem_ref(piece->sound) : NULL;
	(void)pthread_mutex_unlock(&lock);

	return sound;
}


void music_close(void)
{
	(void)pthread_mutex_lock(&lock);
	list_flush(&piecel);
	(void)pthread_mutex_unlock(&lock);
}
