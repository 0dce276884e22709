#include "CLuaBridge.h"

// A text that is no JSON may be misread here (a quote outside of its place); then jansson refuses it anyway.
lwb_scan lwb_json_scan(const char *text, size_t length, int max_depth, int *line, int *column) {
    int depth = 0;
    bool in_string = false;
    size_t line_start = 0;
    *line = 1;
    for (size_t i = 0; i < length; i++) {
        lwb_scan found = LWB_SCAN_FINE;
        switch (text[i]) {
        case '\0': found = LWB_SCAN_NUL; break;
        case '\n':
            *line += 1;
            line_start = i + 1;
            break;
        case '"': in_string = !in_string; break;
        case '\\':
            if (in_string && i + 1 < length && text[i + 1] != '\0') i += 1;
            break;
        case '[':
        case '{':
            if (!in_string && ++depth > max_depth) found = LWB_SCAN_TOO_DEEP;
            break;
        case ']':
        case '}':
            if (!in_string) depth -= 1;
            break;
        default: break;
        }
        if (found != LWB_SCAN_FINE) {
            *column = (int)(i - line_start) + 1;
            return found;
        }
    }
    return LWB_SCAN_FINE;
}
