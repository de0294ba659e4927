// SPDX-License-Identifier: MIT
/*
 * A name with two addresses: to be preloaded. TWO_ADDRESSES=192.0.2.1,192.0.2.2
 * are those of the host "two.example"; everything else is as it is.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int lookup(
    const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *host, const char *service,
    const struct addrinfo *hints, struct addrinfo **out)
{
	const char *both = getenv("TWO_ADDRESSES");
	lookup *next = NULL;
	char one[64], two[64];

	*(void **)&next = dlsym(RTLD_NEXT, "getaddrinfo");
	if (!both || strcmp(host, "two.example") != 0 ||
	    sscanf(both, "%63[^,],%63s", one, two) != 2)
		return next(host, service, hints, out);
	int rc = next(one, service, hints, out);
	// glibc frees a list entry by entry
	return rc ? rc : next(two, service, hints, &(*out)->ai_next);
}
