#include "contexts.h"

uint64_t host_context(harness_place at, luawait_engine *engine, const char *options) {
    uint64_t context = 0;
    luawait_error error = {.struct_size = sizeof error};
    luawait_status status =
        luawait_context_new(engine, options, options == NULL ? 0 : strlen(options), &context, &error);
    if (!harness_check_status(at, status, LUAWAIT_OK, "luawait_context_new")) harness_stop();
    return context;
}

uint64_t host_start_in(harness_place at, luawait_engine *engine, uint64_t context, const char *script,
                       const char *more) {
    char *options = text_format("{\"context\":%" PRIu64 "%s}", context, more);
    uint64_t eval = host_start(at, engine, script, options);
    free(options);
    return eval;
}
