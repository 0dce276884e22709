import CLuaBridge
import Testing

@testable import LuawaitRuntime

struct FunctionSetTests {
    private func function(_ name: String) -> HostFunction {
        HostFunction(name: name, timeoutMilliseconds: nil, callback: nil)
    }

    private func set(_ names: String...) throws -> FunctionSet {
        var set = FunctionSet.empty
        for name in names { set = try set.adding(function(name)) }
        return set
    }

    @Test func adding_leaves_the_old_set_as_it_was() throws {
        let one = try set("a")
        let two = try one.adding(function("b"))
        #expect(one.functions.map(\.name) == ["a"])
        #expect(two.functions.map(\.name) == ["a", "b"])
    }

    @Test func a_name_is_taken_once() throws {
        let error = try errorOf { _ = try set("fetch", "fetch") }
        #expect(error == CallError(.exists, "name: \"fetch\" is registered already"))
    }

    @Test func a_function_cannot_be_a_table_of_functions_too() throws {
        #expect(
            try errorOf { _ = try set("db", "db.find") }
                == CallError(.exists, "name: \"db.find\" conflicts with \"db\""))
        #expect(
            try errorOf { _ = try set("db.users.find", "db.users") }
                == CallError(.exists, "name: \"db.users\" conflicts with \"db.users.find\""))
        #expect(try errorOf { _ = try set("db.users.find", "db") }.kind == .exists)
    }

    @Test func names_that_only_begin_alike_do_not_conflict() throws {
        let names = try set("db", "dbx", "d", "db_find", "dbx_find").functions.map(\.name)
        #expect(names.count == 5)
        _ = try set("db.find", "db.findAll", "db.users.find", "db2.find")
    }

    @Test func removing_takes_that_one_away() throws {
        let left = try set("a", "b.c", "d").removing("b.c")
        #expect(left.functions.map(\.name) == ["a", "d"])
        _ = try left.adding(function("b"))
    }

    @Test func only_a_whole_name_can_be_removed() throws {
        let names = try set("db.find")
        for name in ["db", "find", "db.find.x", ""] {
            let error = try errorOf { _ = try names.removing(name) }
            #expect(error == CallError(.notFound, "name: \"\(name)\" is not registered"))
        }
    }

    @Test func the_bridge_sees_the_functions_in_their_order() throws {
        let callback = HostCallback(invoke: { _, _, _ in nil }, drop: {})
        let functions = try set("a", "b.c")
            .adding(HostFunction(name: "d", timeoutMilliseconds: nil, callback: callback))
        let seen = functions.declarations
        #expect(seen.map { String(cString: $0.name) } == ["a", "b.c", "d"])
        #expect(seen.map(\.index) == [0, 1, 2])
        #expect(seen.map(\.is_callback) == [false, false, true])
    }

    // MARK: - A callback's data

    @Test func a_callbacks_data_is_dropped_once_with_the_last_set_that_knows_it() throws {
        let drops = Counter()
        var current = FunctionSet.empty
        do {
            let callback = HostCallback(invoke: { _, _, _ in nil }, drop: { drops.add() })
            current = try current.adding(HostFunction(name: "log", timeoutMilliseconds: nil, callback: callback))
            callback.takeOwnership()
        }
        var old: FunctionSet? = current
        current = try current.removing("log")
        #expect(drops.value == 0)
        #expect(old?.functions.count == 1)
        old = nil
        #expect(drops.value == 1)
    }

    @Test func a_callback_that_was_not_registered_leaves_its_data_to_the_caller() throws {
        let drops = Counter()
        let taken = try set("log")
        _ = try errorOf {
            let callback = HostCallback(invoke: { _, _, _ in nil }, drop: { drops.add() })
            _ = try taken.adding(HostFunction(name: "log", timeoutMilliseconds: nil, callback: callback))
        }
        #expect(drops.value == 0)
    }
}
