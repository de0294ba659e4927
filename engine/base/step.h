// SPDX-License-Identifier: MIT
/*
 * Moments at which a kill would matter, for the tests that make one (debug
 * builds only; in others nothing is left of it).
 *
 *   MAILCONVOY_KILL_AT=N        SIGKILL at the Nth step
 *   MAILCONVOY_COUNT_STEPS=FILE a line for every step: its name
 *   MAILCONVOY_STEPS_OF=PREFIX  only steps whose names begin so count
 *
 * A name is "WHERE.WHAT". A step stands directly before or behind what another
 * process or the disk could see. Any thread may call it.
 */
#ifndef ENGINE_BASE_STEP_H
#define ENGINE_BASE_STEP_H

#ifdef MAILCONVOY_DEBUG
void step_point(const char *name);
#else
static inline void step_point(const char *name)
{
	(void)name;
}
#endif

#endif
