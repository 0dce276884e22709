import Testing

@testable import LuawaitRuntime

struct FunctionNameTests {
    @Test(arguments: [
        "fetch", "_", "_private", "a1", "CamelCase", "db.find", "db.users.find", "a.b.c.d.e", "string.trim",
        "json.pretty",
        "print", "ending", "Nil",
    ])
    func identifiers_joined_by_dots_are_names(name: String) throws {
        try checkFunctionName(name)
    }

    @Test(arguments: [
        "1a", "a-b", "a b", " a", "a ", "a\n", "a.", ".a", "a..b", ".", "a.1", "é", "db.é", "a\u{0}", "a:b", "a[1]",
        "@", "[", "`",
        "{",
    ])
    func anything_else_is_refused_and_named(name: String) throws {
        let error = try errorOf { try checkFunctionName(name) }
        #expect(error == CallError(.argument, "name: \"\(name)\" is not made of Lua identifiers joined by dots"))
    }

    @Test(arguments: [
        "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil",
        "not", "or", "repeat", "return", "then", "true", "until", "while",
    ])
    func a_reserved_word_of_lua_is_refused_as_any_part(word: String) throws {
        for name in [word, "db.\(word)", "\(word).find"] {
            let error = try errorOf { try checkFunctionName(name) }
            #expect(error == CallError(.argument, "name: \"\(word)\" is a reserved word of Lua's"))
        }
    }

    @Test(arguments: ["_G", "coroutine", "json", "math", "os", "string", "table", "utf8"])
    func a_library_cannot_be_replaced(name: String) throws {
        let error = try errorOf { try checkFunctionName(name) }
        #expect(error == CallError(.argument, "name: \"\(name)\" would replace a library"))
    }

    @Test func an_empty_name_is_refused() throws {
        #expect(try errorOf { try checkFunctionName("") } == CallError(.argument, "name: empty"))
    }

    @Test func a_name_of_255_bytes_is_the_longest() throws {
        try checkFunctionName(String(repeating: "a", count: 255))
        let error = try errorOf { try checkFunctionName(String(repeating: "a", count: 256)) }
        #expect(error == CallError(.argument, "name: 256 bytes, at most 255 are allowed"))
    }
}
