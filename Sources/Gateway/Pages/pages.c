// Puts the pages' files into the program, so that one moved binary has all it serves.

#include "CPages.h"

#if !defined(__has_embed)
#error "#embed is needed: clang 19 or newer, as every Swift toolchain from 6.2 on has it"
#endif

static const unsigned char openapi_yaml[] = {
#embed "../../../openapi.yaml"
};
static const unsigned char pool_html[] = {
#embed "pool.html"
};
static const unsigned char services_html[] = {
#embed "services.html"
};
static const unsigned char docs_html[] = {
#embed "docs.html"
};
static const unsigned char page_css[] = {
#embed "page.css"
};
static const unsigned char page_js[] = {
#embed "page.js"
};
static const unsigned char charts_js[] = {
#embed "charts.js"
};
static const unsigned char pool_js[] = {
#embed "pool.js"
};
static const unsigned char operator_js[] = {
#embed "operator.js"
};
static const unsigned char keys_js[] = {
#embed "keys.js"
};
static const unsigned char services_js[] = {
#embed "services.js"
};
static const unsigned char card_js[] = {
#embed "card.js"
};
static const unsigned char icon_svg[] = {
#embed "icon.svg"
};

#define FILE_OF(name, bytes) { name, bytes, sizeof bytes }

static const struct poolhub_page_file files[] = {
  FILE_OF("openapi.yaml", openapi_yaml),
  FILE_OF("pool.html", pool_html),
  FILE_OF("services.html", services_html),
  FILE_OF("docs.html", docs_html),
  FILE_OF("page.css", page_css),
  FILE_OF("page.js", page_js),
  FILE_OF("charts.js", charts_js),
  FILE_OF("pool.js", pool_js),
  FILE_OF("operator.js", operator_js),
  FILE_OF("keys.js", keys_js),
  FILE_OF("services.js", services_js),
  FILE_OF("card.js", card_js),
  FILE_OF("icon.svg", icon_svg),
};

size_t poolhub_page_file_count(void) { return sizeof files / sizeof files[0]; }

struct poolhub_page_file poolhub_page_file_at(size_t index) { return files[index]; }
