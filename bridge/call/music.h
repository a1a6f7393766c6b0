/**
 * @file music.h  The music that this service plays to somebody on hold
 *
 * Files are read by whoever reads the configuration, never by the SIP thread,
 * and kept for all calls. One lock guards the list; it is held for a look.
 */
#ifndef CALL_MUSIC_H
#define CALL_MUSIC_H

struct errors;
struct sound;
struct tenant;

/**
 * Read the files that a tenant's PBXs name, again if they were read before,
 * and make our own tune if one of them wants it. Blocks.
 *
 * @param errs  Takes what is wrong with a file
 *
 * @return 0, EBADMSG a file cannot be played: none was changed; ENOMEM
 */
int music_load(const struct tenant *tenant, struct errors *errs);

/** A file's music, NULL for our own tune.
    @return a reference, NULL if it was never loaded */
struct sound *music_find(const char *file);

/** Forget all */
void music_close(void);

#endif
