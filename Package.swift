// swift-tools-version: 6.2
import PackageDescription

// Rooms, from the outside in: LuawaitABI (exports) → LuawaitRuntime (engine) → CLuaBridge (Lua) → CLua, CJansson.
// `docs/architecture.md` says what belongs in which.

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
    name: "luawait",
    products: [
        .library(name: "luawait", type: .dynamic, targets: ["LuawaitABI"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0")
    ],
    targets: [
        .systemLibrary(name: "CLua", pkgConfig: "lua5.4", providers: [.apt(["liblua5.4-dev"])]),
        .systemLibrary(name: "CJansson", pkgConfig: "jansson", providers: [.apt(["libjansson-dev"])]),
        // The public header, as a module of its own: the compiler checks every export against it.
        .systemLibrary(name: "CLuawaitHeader", path: "Include"),
        .target(name: "CPlatform"),
        .target(
            name: "CLuaBridge",
            dependencies: ["CLua", "CJansson"],
            // A tight loop here is mostly short calls of liblua's; through the PLT each costs a jump more (bench/tables.c).
            cSettings: [.headerSearchPath("."), .unsafeFlags(["-fno-plt"])]
        ),
        .target(
            name: "LuawaitRuntime",
            dependencies: [
                "CLuaBridge", "CJansson", "CPlatform",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "LuawaitABI",
            dependencies: ["LuawaitRuntime", "CLuawaitHeader"],
            exclude: ["exports.map"],
            swiftSettings: strict,
            linkerSettings: [
                .unsafeFlags([
                    "-static-stdlib", "-use-ld=lld",
                    "-Xlinker", "-soname=libluawait.so.0",
                    "-Xlinker", "--version-script=\(Context.packageDirectory)/Sources/LuawaitABI/exports.map",
                    "-Xlinker", "-z", "-Xlinker", "nodelete",
                ])
            ]
        ),
        .testTarget(
            name: "LuawaitRuntimeTests",
            dependencies: ["LuawaitRuntime", "CLuaBridge", "CJansson", "CPlatform"]
        ),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu11,
    cxxLanguageStandard: .cxx17
)
