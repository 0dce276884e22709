/// The library's globals that Swift makes when they are first touched: `FirstUse` says why there must be nobody
/// waiting. `scripts/check-binary.sh` holds this list against the library.
package enum Globals {
    package static func make() {
        _ = ForkCount.current  // handler
        TaskTable.make()  // tasks
        _ = LuaIdentity.current
        _ = Limits.keys
        _ = EngineConfig.keys
        _ = EvalOptions.keys
        _ = FunctionSet.empty
        _ = reservedWords
        _ = libraries
    }
}
