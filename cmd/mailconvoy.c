// SPDX-License-Identifier: MIT
/* The supervisor: one command, chosen by the command line. */
#include <stdio.h>

#include "cmd/mailconvoy_options.h"
#include "engine/base/fd.h"
#include "engine/base/secret.h"
#include "engine/contract/exit_code.h"

int main(int argc, char **argv)
{
	struct mailconvoy_options o = {0};

	if (fd_fill_standard() < 0) {
		perror("mailconvoy: cannot open /dev/null");
		return EXIT_CODE_LOCAL;
	}
	secret_harden_process();
	int code = mailconvoy_options_parse(&o, argc, argv);
	if (code < 0)
		code = o.verb->run(&o);
	if (fflush(stdout) != 0 || ferror(stdout))
		return code == EXIT_CODE_OK ? EXIT_CODE_LOCAL : code;
	return code;
}
