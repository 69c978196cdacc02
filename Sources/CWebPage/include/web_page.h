#ifndef SWARM_WEB_PAGE_H
#define SWARM_WEB_PAGE_H

#include <stddef.h>

/// A file of the web page, as it was when this was compiled.
struct web_page_file {
    const char *name;
    const unsigned char *bytes;
    size_t byte_count;
};

/// Writes the bytes into `room` in gzip's format, as small as that can be. Gives how many that are;
/// 0 if there is not enough room.
size_t web_page_pack(
    const unsigned char *bytes, size_t byte_count, unsigned char *room, size_t room_byte_count);

/// All files of the web page.
const struct web_page_file *web_page_files(size_t *count);

#endif
