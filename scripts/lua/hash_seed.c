// For programs that link the bundled Lua without the bridge, which has the engine's seed to give: probes and
// yardsticks.
unsigned int lwb_lua_hash_seed(void);

unsigned int lwb_lua_hash_seed(void) {
    return 0x9e3779b9u;
}
