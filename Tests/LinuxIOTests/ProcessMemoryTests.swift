import Testing

@testable import LinuxIO

@Suite("A process's own memory")
struct ProcessMemoryTests {
    @Test("is freed where it is an unchanged, read-only mapping of a file")
    func unwritten() {
        let smaps = """
            00400000-00402000 r--p 00000000 fe:00 253911                     /usr/bin/cat
            Rss:                   8 kB
            Anonymous:             0 kB
            Swap:                  0 kB
            VmFlags: rd mr mw me
            00402000-00404000 r-xp 00002000 fe:00 253911                     /usr/bin/with a space
            Anonymous:             0 kB
            Swap:                  0 kB
            00404000-00405000 r--p 00004000 fe:00 253911                     /usr/bin/relocated
            Anonymous:             4 kB
            Swap:                  0 kB
            00405000-00406000 r--p 00005000 fe:00 253911                     /usr/bin/relocated-and-swapped
            Anonymous:             0 kB
            Swap:                  4 kB
            00406000-00407000 rw-p 00006000 fe:00 253911                     /usr/bin/data
            Anonymous:             0 kB
            Swap:                  0 kB
            00500000-00521000 r--p 00000000 00:00 0
            Anonymous:             0 kB
            00521000-00522000 r-xp 00000000 00:00 0                          [vdso]
            Anonymous:             0 kB
            nonsense
            """
        #expect(
            MappedFile.unwritten(Array(smaps.utf8))
                == [MappedFile(start: 0x400000, size: 0x2000), MappedFile(start: 0x402000, size: 0x2000)])
        #expect(MappedFile.unwritten([]).isEmpty)
    }

    @Test("can be freed while the process runs, and has the same content afterwards")
    func forget() {
        let before = ["a": [1, 2], "b": [3]]
        ProcessMemory.forgetStartUp()
        #expect(before["a"]?.reduce(0, +) == 3)
        #expect("\(before.sorted { $0.key < $1.key })".contains("\"b\""))
    }
}
