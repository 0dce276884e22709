import Testing

@testable import LuawaitRuntime

@Test func smoke() {
    #expect(EvalMachine().phase == .waiting)
}
