/*
 * A host with GLib's main loop, as desktop programs have. The engine's descriptor is one source among others; scripts
 * run on the engine's threads and call sleep(ms), which a timeout of GLib's answers.
 */
#include <glib-unix.h>
#include <glib.h>
#include <inttypes.h>
#include <luawait.h>
#include <stdlib.h>

enum { BATCH = 16 };

typedef struct host {
    luawait_engine *engine;
    GMainLoop *loop;
    GHashTable *naps; /* request id to the id of GLib's timeout */
    int left;
} host;

/* A call of sleep() that is not over. */
typedef struct nap {
    host *host;
    uint64_t request;
    int64_t ms;
} nap;

static struct job {
    const char *name, *script, *options;
    uint64_t eval;
    char *report;
} jobs[] = {{.name = "steady", .script = "local sum = 0 for i = 1, 5 do sum = sum + sleep(i) end return sum"},
            {.name = "busy", .script = "local sum = 0 for i = 1, 100000 do sum = sum + i end return sum"},
            {.name = "careful", .script = "local ok, problem = pcall(sleep, -1) return problem.message"},
            {.name = "impatient", .script = "return sleep(3600000)", .options = "{\"timeout_ms\":50}"}};

enum { JOBS = sizeof jobs / sizeof *jobs };

static void must_be_ok(luawait_status status, const char *what, const luawait_error *error) {
    if (status == LUAWAIT_OK) return;
    g_printerr("%s: %s %s\n", what, luawait_status_name(status), error != NULL ? error->message : "");
    exit(EXIT_FAILURE);
}

static gboolean end_sleep(gpointer data) {
    nap *n = data;
    char *json = g_strdup_printf("%" PRId64, n->ms);
    luawait_status status = luawait_provide_result(n->host->engine, n->request, json, LUAWAIT_NUL_TERMINATED, NULL);
    /* The script may have ended a moment ago; the event that says so is on its way. */
    if (status != LUAWAIT_ERR_NOT_FOUND) must_be_ok(status, "result", NULL);
    g_hash_table_remove(n->host->naps, &n->request);
    g_free(json);
    return G_SOURCE_REMOVE;
}

static void begin_sleep(host *h, const luawait_event *e) {
    int64_t ms = g_ascii_strtoll(e->text + 1, NULL, 10); /* the arguments, such as [3] */
    if (ms < 0) {
        luawait_status status = luawait_provide_error(h->engine, e->request_id, "\"nobody sleeps backwards\"",
                                                      LUAWAIT_NUL_TERMINATED, NULL);
        must_be_ok(status, "error", NULL);
        return;
    }
    nap *n = g_new(nap, 1);
    *n = (nap){h, e->request_id, ms};
    guint source = g_timeout_add_full(G_PRIORITY_DEFAULT, (guint)ms, end_sleep, n, g_free);
    g_hash_table_insert(h->naps, g_memdup2(&e->request_id, sizeof e->request_id), GUINT_TO_POINTER(source));
}

static void stop_sleep(host *h, const luawait_event *e) {
    gpointer source = g_hash_table_lookup(h->naps, &e->request_id);
    if (source == NULL) return;
    g_source_remove(GPOINTER_TO_UINT(source));
    g_hash_table_remove(h->naps, &e->request_id);
}

static void end_job(host *h, const luawait_event *e) {
    for (struct job *j = jobs; j < jobs + JOBS; j++) {
        if (j->eval != e->eval_id) continue;
        j->report = e->state == LUAWAIT_SUCCEEDED ? g_strdup_printf("succeeded: %s", e->text) : g_strdup("failed");
    }
    if (--h->left == 0) g_main_loop_quit(h->loop);
}

/* Level-triggered: what this leaves behind brings it back. */
static gboolean take_events(gint fd, GIOCondition condition, gpointer data) {
    host *h = data;
    luawait_event events[BATCH] = {{.struct_size = sizeof *events}};
    size_t count;
    (void)fd, (void)condition;
    if (luawait_next_events(h->engine, events, BATCH, &count) != LUAWAIT_OK) return G_SOURCE_CONTINUE;
    for (const luawait_event *e = events; e < events + count; e++) {
        if (e->kind == LUAWAIT_EVENT_REQUEST) begin_sleep(h, e);
        if (e->kind == LUAWAIT_EVENT_WITHDRAWN) stop_sleep(h, e);
        if (e->kind == LUAWAIT_EVENT_FINISHED) end_job(h, e);
    }
    luawait_release_events(events, count);
    return G_SOURCE_CONTINUE;
}

int main(void) {
    host h = {.loop = g_main_loop_new(NULL, FALSE),
              .naps = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL),
              .left = JOBS};
    luawait_error error = {.struct_size = sizeof error};
    int fd;
    must_be_ok(luawait_engine_new(NULL, 0, &h.engine, &error), "engine", &error);
    must_be_ok(luawait_register(h.engine, "sleep", LUAWAIT_NUL_TERMINATED, NULL, 0, &error), "sleep", &error);
    must_be_ok(luawait_event_fd(h.engine, &fd), "event_fd", NULL);
    guint source = g_unix_fd_add(fd, G_IO_IN, take_events, &h);
    for (struct job *j = jobs; j < jobs + JOBS; j++) {
        size_t length = j->options != NULL ? LUAWAIT_NUL_TERMINATED : 0;
        must_be_ok(luawait_start(h.engine, j->script, LUAWAIT_NUL_TERMINATED, j->options, length, &j->eval, &error),
                   j->name, &error);
    }
    g_main_loop_run(h.loop);
    g_source_remove(source);
    for (struct job *j = jobs; j < jobs + JOBS; j++) {
        g_print("%s %s\n", j->name, j->report);
        g_free(j->report);
    }
    g_print("sleeps left: %u\n", g_hash_table_size(h.naps));
    g_hash_table_unref(h.naps);
    g_main_loop_unref(h.loop);
    luawait_engine_free(h.engine);
}
