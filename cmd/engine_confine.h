// SPDX-License-Identifier: MIT
/*
 * What an engine gives up before it talks to a server: see docs/SECURITY.md.
 * A server that took it over could still read the certificates and write the
 * account's own state, and reach the ports of its two servers.
 */
#ifndef CMD_ENGINE_CONFINE_H
#define CMD_ENGINE_CONFINE_H

struct job;
struct log;

/* Never fails: a kernel that cannot do it is told of in the log. */
void engine_confine(const struct job *job, struct log *log);

#endif
