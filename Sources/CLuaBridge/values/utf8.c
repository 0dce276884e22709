#include "values/utf8.h"

#include <stdint.h>
#include <string.h>

// RFC 3629: no surrogates, nothing above U+10FFFF, no overlong forms.
bool lwb_is_utf8(const char *bytes, size_t length) {
    const unsigned char *at = (const unsigned char *)bytes, *end = at + length;
    while (at < end) {
        uint64_t eight;
        while (end - at >= 8 && (memcpy(&eight, at, 8), (eight & 0x8080808080808080u) == 0))
            at += 8;
        if (at == end) break;
        unsigned char first = *at;
        if (first < 0x80) {
            at += 1;
            continue;
        }
        int more;
        unsigned char low = 0x80, high = 0xBF; // of the second byte
        if (first >= 0xC2 && first <= 0xDF) {
            more = 1;
        } else if ((first & 0xF0) == 0xE0) {
            more = 2;
            if (first == 0xE0) low = 0xA0;
            if (first == 0xED) high = 0x9F;
        } else if (first >= 0xF0 && first <= 0xF4) {
            more = 3;
            if (first == 0xF0) low = 0x90;
            if (first == 0xF4) high = 0x8F;
        } else {
            return false;
        }
        if (end - at <= more || at[1] < low || at[1] > high) return false;
        for (int i = 2; i <= more; i++) {
            if ((at[i] & 0xC0) != 0x80) return false;
        }
        at += more + 1;
    }
    return true;
}
