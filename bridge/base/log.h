/**
 * @file log.h  The log: one line an event
 *
 * A line has a level, a module, a subject (AoR, Call-ID or name; may be "")
 * and a message in libre's format language (%r pl, %J sa with port, %H
 * handler ...). Text form: `2026-01-01T12:00:00.123Z info reg 101@pbx: ...`;
 * JSON form: {"time","level","module","subject","message"}.
 *
 * Callable from any thread and never blocks: lines go to a bounded ring that
 * a thread of the log's own writes out; what does not fit is dropped and the
 * number of dropped lines is logged as soon as there is room. Before
 * log_open() and after log_close() lines go to stderr directly.
 *
 * Control characters in what is logged are written as \xNN: a peer cannot
 * forge a line. No password, nonce or key may be passed to the log.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG_LEVEL, LOG_INFO_LEVEL, LOG_WARNING_LEVEL };
enum log_format { LOG_TEXT, LOG_JSON };

/**
 * @param path  File to append to, NULL for stderr
 *
 * @return 0, or errno when the file cannot be opened or the thread not made
 */
int log_open(const char *path, enum log_format format, enum log_level level);

/** Write out what waits, stop the thread */
void log_close(void);

/** Open the file again (after logrotate has moved it) */
void log_reopen(void);

void log_level_set(enum log_level level);

bool log_is_on(enum log_level level);

/** Lines dropped since the start */
uint64_t log_dropped(void);

/** For us: what happens inside. Off by default */
void debug(const char *module, const char *subject, const char *fmt, ...);

/** Tells the story of a call or a registration */
void info(const char *module, const char *subject, const char *fmt, ...);

/** Wants a person */
void warning(const char *module, const char *subject, const char *fmt, ...);

/**
 * Gate for lines that strangers can cause: true at most once a second for a
 * gate, and tells how many were held back since the last true
 */
struct log_gate { uint64_t next_ms; uint64_t held; };
bool log_gate_pass(struct log_gate *gate, uint64_t now_ms, uint64_t *held);

#endif
