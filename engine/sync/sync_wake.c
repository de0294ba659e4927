// SPDX-License-Identifier: MIT
#include "engine/sync/sync_wake.h"

#include "engine/base/error.h"
#include "engine/base/fd.h"

int sync_wake_init(struct sync_wake *w, struct error *err)
{
	atomic_init(&w->sleeping, false);
	w->fd = fd_event();
	if (w->fd < 0)
		return error_set_errno(err, ERROR_OS, "local.descriptor",
		    "cannot make an event descriptor");
	return 0;
}

void sync_wake_release(struct sync_wake *w)
{
	fd_close(&w->fd);
}

void sync_wake_signal(struct sync_wake *w)
{
	if (atomic_exchange(&w->sleeping, false))
		fd_event_signal(w->fd);
}

void sync_wake_arm(struct sync_wake *w)
{
	atomic_store(&w->sleeping, true);
}

void sync_wake_disarm(struct sync_wake *w)
{
	atomic_store(&w->sleeping, false);
	fd_event_drain(w->fd);
}
