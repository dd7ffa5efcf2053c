import CPages
import Crypto
import GatewayAPI
import HTTPTypes
import Hummingbird
import NIOCore

/// The files of the web pages, which are part of the program. Read once, at the start.
struct PageFiles: Sendable {
  private struct File {
    var body: ByteBuffer
    var contentType: String
    /// Of the bytes, so that browsers ask again and are told in a few bytes that nothing has changed.
    var tag: String
  }

  private let files: [String: File]

  init() {
    var files: [String: File] = [:]
    for index in 0..<poolhub_page_file_count() {
      let file = poolhub_page_file_at(index)
      let name = String(cString: file.name)
      let bytes = UnsafeBufferPointer(start: file.bytes, count: file.byte_count)
      let digest = SHA256.hash(data: bytes).prefix(12).map { Self.hexadecimal($0) }.joined()
      files[name] = File(
        body: ByteBuffer(bytes: bytes), contentType: Self.contentType(of: name),
        tag: "\"\(digest)\"")
    }
    self.files = files
  }

  /// - Throws: `Problem` 404 when there is no such file.
  func answer(_ name: String, to request: Request) throws(Problem) -> Response {
    guard let file = files[name] else {
      throw Problem(.notFound, "there is nothing at this path")
    }
    var headers: HTTPFields = [
      .eTag: file.tag, .cacheControl: "no-cache", .xContentTypeOptions: "nosniff",
      .contentSecurityPolicy: Self.policy, .referrerPolicy: "no-referrer",
      .openerPolicy: "same-origin",
    ]
    let known = (request.headers[.ifNoneMatch] ?? "").split(separator: ",")
    if known.contains(where: { $0.drop { $0 == " " } == file.tag }) {
      return Response(status: .notModified, headers: headers)
    }
    headers[.contentType] = file.contentType
    return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: file.body))
  }

  /// Nothing from elsewhere, nothing inline, no frame around it; forms are sent by scripts alone.
  private static let policy = """
    default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'
    """

  private static func contentType(of name: String) -> String {
    switch name.split(separator: ".").last {
    case "html": "text/html; charset=utf-8"
    case "css": "text/css; charset=utf-8"
    case "js": "text/javascript; charset=utf-8"
    case "svg": "image/svg+xml"
    default: "application/yaml"
    }
  }

  private static func hexadecimal(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16)
    return digits.count == 1 ? "0" + digits : digits
  }
}

extension HTTPField.Name {
  fileprivate static let referrerPolicy = HTTPField.Name("Referrer-Policy")!
  fileprivate static let openerPolicy = HTTPField.Name("Cross-Origin-Opener-Policy")!
}
