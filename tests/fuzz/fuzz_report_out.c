// SPDX-License-Identifier: MIT
/* Any text in the formats of reports: HTML has no sign of markup and reads
 * back, a cell of CSV is one cell and no formula, JSON is a string that the
 * library reads as the same; what is shown of bytes is fit for a terminal. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "orchestrator/report_out.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *written(void (*put)(FILE *, const char *), const char *text)
{
	char *bytes = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&bytes, &len);

	bug_if(!out);
	put(out, text);
	bug_if(fclose(out) != 0);
	return bytes;
}

/* Steps over one character; hidden ones became \xNN, shown otherwise. */
static void check_html(const char *text, bool is_shown)
{
	static const char *const names[] = {
	    "&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
	static const char signs[] = "&<>\"'";
	char *html = written(report_out_html, text);

	bug_if(strpbrk(html, "<>\"'\x01\x1b\r\n\t\x7f") != NULL);
	const char *h = html, *t = text;
	while (is_shown && *h) {
		size_t len = 1;
		char c = *h;
		for (size_t i = 0; i < ARRAY_LEN(names); i++) {
			if (strncmp(h, names[i], strlen(names[i])) == 0) {
				len = strlen(names[i]);
				c = signs[i];
				break;
			}
		}
		bug_if(*h == '&' && len == 1);
		bug_if(*t++ != c);
		h += len;
	}
	bug_if(is_shown && *t);
	free(html);
}

static void check_csv(const char *text)
{
	char *csv = written(report_out_csv, text), *to = csv;
	bool is_quoted = csv[0] == '"';

	// RFC 4180, back again
	for (const char *p = csv + is_quoted; *p; p++) {
		bug_if(!is_quoted && strchr("\",\r\n", *p));
		if (is_quoted && *p == '"' && *++p != '"') {
			bug_if(*p);
			break;
		}
		*to++ = *p;
	}
	*to = '\0';
	bug_if(csv[0] && strchr("=+-@\t\r\n", csv[0]));
	bug_if(strcmp(csv, text) != 0 &&
	       (csv[0] != '\'' || strcmp(csv + 1, text) != 0));
	free(csv);
}

static void check_json(const char *text, bool is_shown)
{
	char *json = written(report_out_json, text);

	bug_if(strpbrk(json, "<>&\x01\x1b\r\n\t\x7f") != NULL);
	json_t *back = json_loads(json, JSON_DECODE_ANY, NULL);
	bug_if(!back || !json_is_string(back));
	bug_if(is_shown && strcmp(json_string_value(back), text) != 0);
	json_decref(back);
	free(json);
}

static bool is_utf8(const char *text)
{
	json_t *s = json_string(text);

	json_decref(s);
	return s != NULL;
}

/* It may be cut, but stays whole characters, and is shown as it stands. */
static void check_escape(const char *bytes, size_t len)
{
	size_t max = 4 * len + 8;
	char *out = mem_alloc(max), small[24];

	(void)text_escape(bytes, len, out, max);
	bug_if(!text_is_shown(out) || !is_utf8(out));
	(void)text_escape(bytes, len, small, sizeof(small));
	bug_if(strlen(small) >= sizeof(small));
	bug_if(!text_is_shown(small) || !is_utf8(small));
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = mem_strndup((const char *)data, size);
	bool is_shown = text_is_shown(text);

	check_escape((const char *)data, size);
	check_csv(text);
	check_html(text, is_shown);
	if (is_utf8(text))
		check_json(text, is_shown);
	free(text);
	return 0;
}
