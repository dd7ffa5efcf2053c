/// A request as bytes, made once and sent often.
package enum HTTPRequestText {
  package static func post(_ path: String, bearer: String, body: [UInt8]) -> [UInt8] {
    let head = """
      POST \(path) HTTP/1.1\r
      Host: 127.0.0.1\r
      Authorization: Bearer \(bearer)\r
      Content-Type: application/json\r
      Content-Length: \(body.count)\r
      \r

      """
    return Array(head.utf8) + body
  }
}

/// Reads as much of an answer as a load needs to.
enum HTTPAnswer {
  private static let lengthName = Array("content-length:".utf8)

  /// - Returns: the first answer's status and length once it is whole, with a body of the told length;
  ///   nil before.
  static func first(in bytes: UnsafeRawBufferPointer) -> (status: Int, byteCount: Int)? {
    guard let bodyStart = endOfHead(bytes), bodyStart > 12 else { return nil }
    let head = UnsafeRawBufferPointer(rebasing: bytes[..<bodyStart])
    guard let length = bodyLength(head), bytes.count >= bodyStart + length,
      let status = number(head, from: 9)
    else { return nil }
    return (status, bodyStart + length)
  }

  private static func endOfHead(_ bytes: UnsafeRawBufferPointer) -> Int? {
    var index = 3
    while index < bytes.count {
      if bytes[index] == 0x0A, bytes[index - 1] == 0x0D, bytes[index - 2] == 0x0A,
        bytes[index - 3] == 0x0D
      {
        return index + 1
      }
      index += 1
    }
    return nil
  }

  private static func bodyLength(_ head: UnsafeRawBufferPointer) -> Int? {
    var start = 0
    while start + lengthName.count < head.count {
      var matched = 0
      while matched < lengthName.count, head[start + matched] | 0x20 == lengthName[matched] {
        matched += 1
      }
      // The colon and the dash aren't changed by that bit.
      if matched == lengthName.count { return number(head, from: start + matched) }
      while start < head.count, head[start] != 0x0A { start += 1 }
      start += 1
    }
    return nil
  }

  private static func number(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
    var index = start
    while index < bytes.count, bytes[index] == 0x20 { index += 1 }
    var value: Int?
    while index < bytes.count, (0x30...0x39).contains(bytes[index]), index < start + 10 {
      value = (value ?? 0) * 10 + Int(bytes[index] - 0x30)
      index += 1
    }
    return value
  }
}
