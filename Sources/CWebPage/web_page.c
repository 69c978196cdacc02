#include "web_page.h"

#include <zlib.h>

// The page is plain files, and part of the program all the same. Swift has no way of its own that
// compiles fast; #embed is of C23, and Swift's compiler for C has it.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char add_js[] = {
#embed "page/add.js"
};
static const unsigned char api_js[] = {
#embed "page/api.js"
};
static const unsigned char app_js[] = {
#embed "page/app.js"
};
static const unsigned char commands_js[] = {
#embed "page/commands.js"
};
static const unsigned char details_js[] = {
#embed "page/details.js"
};
static const unsigned char dom_js[] = {
#embed "page/dom.js"
};
static const unsigned char draw_js[] = {
#embed "page/draw.js"
};
static const unsigned char files_js[] = {
#embed "page/files.js"
};
static const unsigned char forms_js[] = {
#embed "page/forms.js"
};
static const unsigned char icon_svg[] = {
#embed "page/icon.svg"
};
static const unsigned char index_html[] = {
#embed "page/index.html"
};
static const unsigned char list_js[] = {
#embed "page/list.js"
};
static const unsigned char page_css[] = {
#embed "page/page.css"
};
static const unsigned char parts_css[] = {
#embed "page/parts.css"
};
static const unsigned char settings_js[] = {
#embed "page/settings.js"
};
static const unsigned char store_js[] = {
#embed "page/store.js"
};
static const unsigned char torrentfile_js[] = {
#embed "page/torrentfile.js"
};

#define FILE_OF_PAGE(name, bytes) { name, bytes, sizeof bytes }

static const struct web_page_file files[] = {
    FILE_OF_PAGE("add.js", add_js),
    FILE_OF_PAGE("api.js", api_js),
    FILE_OF_PAGE("app.js", app_js),
    FILE_OF_PAGE("commands.js", commands_js),
    FILE_OF_PAGE("details.js", details_js),
    FILE_OF_PAGE("dom.js", dom_js),
    FILE_OF_PAGE("draw.js", draw_js),
    FILE_OF_PAGE("files.js", files_js),
    FILE_OF_PAGE("forms.js", forms_js),
    FILE_OF_PAGE("icon.svg", icon_svg),
    FILE_OF_PAGE("index.html", index_html),
    FILE_OF_PAGE("list.js", list_js),
    FILE_OF_PAGE("page.css", page_css),
    FILE_OF_PAGE("parts.css", parts_css),
    FILE_OF_PAGE("settings.js", settings_js),
    FILE_OF_PAGE("store.js", store_js),
    FILE_OF_PAGE("torrentfile.js", torrentfile_js),
};

size_t web_page_pack(
    const unsigned char *bytes, size_t byte_count, unsigned char *room, size_t room_byte_count) {
    // 16 more than the size of the window asks zlib for gzip's header and checksum.
    z_stream stream = {0};
    if (deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK) return 0;
    stream.next_in = (unsigned char *)bytes;
    stream.avail_in = (unsigned int)byte_count;
    stream.next_out = room;
    stream.avail_out = (unsigned int)room_byte_count;
    size_t packed = deflate(&stream, Z_FINISH) == Z_STREAM_END ? stream.total_out : 0;
    deflateEnd(&stream);
    return packed;
}

const struct web_page_file *web_page_files(size_t *count) {
    *count = sizeof files / sizeof files[0];
    return files;
}
