// The record of an error, from which the host is told: type, message, place, traceback, data.
#include "core/failure.h"

#include "CLuaBridge.h"
#include "core/buffer.h"
#include "core/context_record.h"

#include <string.h>

void lwb_clear_failure(lwb_context *context) {
    lwb_buffer_clear(&context->note.text);
    context->note.type = LWB_FAILURE_RUNTIME;
    context->note.line = 0;
    context->note.lost_message = false;
    lwb_note *note = &context->note;
    note->message = note->chunk = note->traceback = note->function = note->host_type = note->data = (lwb_span){0};
}

// A script can raise any text it can make. The host is told the beginning.
enum { LONGEST_TEXT = 65536 };

static size_t cut_at_character(const char *bytes, size_t length) {
    size_t end = length;
    // A UTF-8 character has at most three bytes after its first.
    while (end > 0 && length - end < 3 && ((unsigned char)bytes[end] & 0xc0) == 0x80)
        end -= 1;
    return end;
}

// Out of memory here leaves the part absent, and the failure tells the rest. Without a message it is one of memory.
void lwb_keep_whole_text(lwb_context *context, lwb_span *span, const char *bytes, size_t length) {
    size_t start = context->note.text.length;
    if (lwb_buffer_append(&context->note.text, bytes, length)) {
        *span = (lwb_span){start, length, true};
    } else if (span == &context->note.message) {
        context->note.lost_message = true;
    }
}

void lwb_keep_text(lwb_context *context, lwb_span *span, const char *bytes, size_t length) {
    static const char ellipsis[] = "\xe2\x80\xa6";
    size_t shown = length <= LONGEST_TEXT ? length : cut_at_character(bytes, LONGEST_TEXT);
    lwb_keep_whole_text(context, span, bytes, shown);
    if (shown == length || !span->present) return;
    if (lwb_buffer_append(&context->note.text, ellipsis, sizeof ellipsis - 1)) span->length += sizeof ellipsis - 1;
}

void lwb_set_failure(lwb_context *context, lwb_failure_type type, const char *message) {
    lwb_clear_failure(context);
    context->note.type = type;
    lwb_keep_text(context, &context->note.message, message, strlen(message));
}

const char lwb_lack_of_memory[] = "not enough memory"; // as Lua says it

static lwb_text text_of(const lwb_context *context, lwb_span span) {
    if (!span.present) return (lwb_text){NULL, 0};
    return (lwb_text){context->note.text.bytes + span.start, span.length};
}

lwb_failure lwb_context_failure(const lwb_context *context) {
    lwb_failure failure = {
        .type = context->note.type,
        .line = context->note.line,
        .message = text_of(context, context->note.message),
        .chunk = text_of(context, context->note.chunk),
        .traceback = text_of(context, context->note.traceback),
        .function = text_of(context, context->note.function),
        .host_type = text_of(context, context->note.host_type),
        .data = text_of(context, context->note.data),
    };
    // There may have been none left to keep even the message.
    if (context->note.lost_message) failure.type = LWB_FAILURE_MEMORY;
    if (failure.type == LWB_FAILURE_MEMORY && failure.message.bytes == NULL) {
        failure.message = (lwb_text){lwb_lack_of_memory, sizeof lwb_lack_of_memory - 1};
    }
    return failure;
}
