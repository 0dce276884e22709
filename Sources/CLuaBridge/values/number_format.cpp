// The shortest text that reads back to the same number, whatever the locale. C has no such function; C++17 has.
#include <charconv>
#include <cstddef>
#include <cstring>

static constexpr std::size_t room = 40; // LWB_NUMBER_ROOM; a double takes at most 25

extern "C" std::size_t lwb_format_double(char *buffer, double value) {
    char *end = std::to_chars(buffer, buffer + room, value).ptr;
    std::size_t length = static_cast<std::size_t>(end - buffer);
    // "100" would read back as an integer.
    if (std::memchr(buffer, '.', length) == nullptr && std::memchr(buffer, 'e', length) == nullptr) {
        std::memcpy(end, ".0", 2);
        length += 2;
    }
    return length;
}

extern "C" std::size_t lwb_format_integer(char *buffer, long long value) {
    return static_cast<std::size_t>(std::to_chars(buffer, buffer + room, value).ptr - buffer);
}
