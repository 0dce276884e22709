// What is wrong with a script that does not compile.
#ifndef LUAWAIT_BRIDGE_CHECK_H
#define LUAWAIT_BRIDGE_CHECK_H

#include "CLuaBridge.h"

// The error of compiling is alone on the main state's stack; `status` is that of the call in which it was raised,
// `compiled` that of compiling.
void lwb_describe_compilation(lwb_context *context, int status, int compiled, const char *chunk_name);

#endif
