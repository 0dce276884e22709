/// Checks a host function's name: Lua identifiers joined by dots.
///
/// - Throws: `.argument` that says what is wrong with which part.
package func checkFunctionName(_ name: String) throws(CallError) {
    let longest = 255
    guard !name.isEmpty else { throw CallError(.argument, "name: empty") }
    guard name.utf8.count <= longest else {
        throw CallError(.argument, "name: \(name.utf8.count) bytes, at most \(longest) are allowed")
    }
    for part in name.split(separator: ".", omittingEmptySubsequences: false) {
        guard isIdentifier(part) else {
            throw CallError(.argument, "name: \"\(name)\" is not made of Lua identifiers joined by dots")
        }
        guard !reservedWords.contains(String(part)) else {
            throw CallError(.argument, "name: \"\(part)\" is a reserved word of Lua's")
        }
    }
    guard !libraries.contains(name) else {
        throw CallError(.argument, "name: \"\(name)\" would replace a library")
    }
}

private func isIdentifier(_ part: Substring) -> Bool {
    guard let first = part.utf8.first, !isDigit(first) else { return false }
    return part.utf8.allSatisfy { isDigit($0) || $0 == UInt8(ascii: "_") || isLetter($0) }
}

private func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
}

private func isLetter(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
}

/// Lua 5.4 Reference Manual, §3.1.
let reservedWords: Set<String> = [
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil",
    "not",
    "or", "repeat", "return", "then", "true", "until", "while",
]

let libraries: Set<String> = ["_G", "coroutine", "json", "math", "os", "string", "table", "utf8"]
