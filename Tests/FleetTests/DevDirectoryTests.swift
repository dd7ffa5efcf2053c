import Fleet
import Foundation
import Testing

@Suite("What a development fleet keeps in its folder")
struct DevDirectoryTests {
  @Test("Secrets are made once, differ between folders, and are readable by their owner alone")
  func secrets() throws {
    let (one, two) = (try ScratchFolder(), try ScratchFolder())
    let first = try DevSecrets.keptIn(one.path)
    #expect(try DevSecrets.keptIn(one.path) == first)
    #expect(try DevSecrets.keptIn(two.path) != first)
    #expect(try one.mode(of: DevSecrets.fileName) == 0o600)
    #expect(first.coordinator != first.admin)
    #expect(first.coordinator.count == 48)
    #expect(Data(base64Encoded: first.sessionSigningKey)?.count == 32)
  }

  @Test("Secrets that can't be read stop the start instead of being replaced")
  func brokenSecrets() throws {
    let folder = try ScratchFolder()
    let path = folder.path + "/" + DevSecrets.fileName
    try Data("{}".utf8).write(to: URL(fileURLWithPath: path))
    #expect(throws: FleetError.self) { try DevSecrets.keptIn(folder.path) }
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data("{}".utf8))
  }

  @Test("One fleet at a time holds a folder, and lets go of it when it is over")
  func lock() throws {
    let folder = try ScratchFolder()
    do {
      let held = try DirectoryLock(folder.path)
      #expect(throws: FleetError.self) { try DirectoryLock(folder.path) }
      withExtendedLifetime(held) {}
    }
    _ = try DirectoryLock(folder.path)
  }

  @Test("Folders are made as deep as asked, and again without complaint")
  func folders() throws {
    let folder = try ScratchFolder()
    try PrivateFile.makeDirectory(folder.path + "/a/b")
    try PrivateFile.makeDirectory(folder.path + "/a/b")
    #expect(try folder.names() == ["a"])
    #expect(try folder.mode(of: "a/b") == 0o700)
  }

  @Test("The end of a log is its last lines, from where this run began")
  func logTail() throws {
    let folder = try ScratchFolder()
    let path = folder.path + "/x.log"
    #expect(LogTail.lines(of: path, count: 3) == [])
    #expect(LogTail.byteCount(of: path) == 0)
    try Data("one\ntwo\nthree\nfour\n".utf8).write(to: URL(fileURLWithPath: path))
    #expect(LogTail.lines(of: path, count: 2) == ["three", "four"])
    #expect(LogTail.lines(of: path, count: 9, from: 8) == ["three", "four"])
    #expect(LogTail.lines(of: path, count: 9, from: LogTail.byteCount(of: path)) == [])
  }
}
