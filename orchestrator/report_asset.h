// SPDX-License-Identifier: MIT
/* The style and the one script of report.html: report_page.css and .js as the
 * build made them into C (gen/report_asset.c). Strings. */
#ifndef ORCHESTRATOR_REPORT_ASSET_H
#define ORCHESTRATOR_REPORT_ASSET_H

extern const char report_asset_style[];
extern const char report_asset_script[];

#endif
