import Domain
import GatewayAPI
import JSON

/// Every type of service that the hub knows: what it is called, what can be set, its template, the sizes
/// of its models, and its table of rules.
///
/// The file is an object of three, each of which may be left out: `types` by name; `rules`, which count
/// for every type; and `vendors`, which rules may name. An operator's file is laid over the built-in one: a
/// type or vendor of a known name takes the place of that, null takes a type away, and its rules join.
package struct ServiceCatalogue: Equatable, Sendable {
  /// Why a file cannot be used, in one line.
  package struct Fault: Error, Equatable, CustomStringConvertible {
    package let description: String
  }

  /// A larger file is none of ours.
  package static let fileByteLimit = 1024 * 1024
  static let typeLimit = 256
  /// What the paths need for themselves.
  static let reservedNames: Set = ["templates", "validate"]

  private var typesByName: [String: ServiceType] = [:]
  private var vendors: [String: GPUVendor] = [:]
  private var rules: [ServiceRule] = []

  /// The built-in types.
  package init() throws(Fault) {
    try add(Array(BuiltInServices.text.utf8))
  }

  /// The built-in types, and over them what an operator's file says.
  package init(extendedBy file: [UInt8]) throws(Fault) {
    try self.init()
    try add(file)
  }

  package func type(_ name: String) -> ServiceType? {
    guard var type = typesByName[name] else { return nil }
    type.rules = rules + type.rules
    return type
  }

  /// In alphabetical order.
  package var types: [ServiceType] {
    typesByName.keys.sorted().compactMap { type($0) }
  }

  private mutating func add(_ file: [UInt8]) throws(Fault) {
    guard file.count <= Self.fileByteLimit else {
      throw Fault(description: "is larger than \(Self.fileByteLimit) bytes")
    }
    let value: JSONValue
    do {
      value = try JSONValue.parse(file)
    } catch {
      let line = file.prefix(error.byteOffset).count { $0 == UInt8(ascii: "\n") } + 1
      throw Fault(description: "is not JSON: \(error.fault.rawValue) in line \(line)")
    }
    guard let object = value.object else { throw Fault(description: "is not a JSON object") }
    var fields = FieldReader(object)
    fields.allowOnly(["vendors", "rules", "types"])
    fields.readVendors(into: &vendors)
    let vendors = vendors
    rules += fields.rules("rules", vendors)
    fields.readTypes(into: &typesByName, vendors)
    guard let first = fields.errors.first else { return }
    let more = fields.errors.count - 1
    throw Fault(
      description: "is wrong at \(first.field.isEmpty ? "its top" : first.field): \(first.detail)"
        + (more > 0 ? " (and \(more) more)" : ""))
  }
}

extension FieldReader {
  fileprivate mutating func readVendors(into vendors: inout [String: GPUVendor]) {
    let read = nested("vendors") { fields in
      fields.names.compactMap { name in fields.nested(name) { $0.vendor(name) } }
    }
    for vendor in read ?? [] { vendors[vendor.name] = vendor }
  }

  private mutating func vendor(_ name: String) -> GPUVendor {
    allowOnly(["title", "accel", "names"])
    return GPUVendor(
      name: name, title: requiredText("title", bytes: 1...Limits.nameBytes) ?? "",
      accel: (names("accel") ?? []).map { $0.lowercased() },
      words: (names("names") ?? []).map { $0.lowercased() })
  }

  fileprivate mutating func readTypes(
    into types: inout [String: ServiceType], _ vendors: [String: GPUVendor]
  ) {
    var read: [String: ServiceType] = [:]
    _ = nested("types") { fields in
      for name in fields.names {
        if !Self.isTypeName(name) {
          fields.fail(
            name, "format", "a type's name must be 1 to 64 of a-z 0-9 _ - and no word of the paths")
        } else if !fields.has(name) {
          types[name] = nil
        } else if let type = fields.nested(name, { $0.type(name, vendors) }) {
          read[name] = type
        }
      }
    }
    types.merge(read) { $1 }
    if types.count > ServiceCatalogue.typeLimit {
      fail("types", "length", "there may be at most \(ServiceCatalogue.typeLimit) types")
    }
  }

  private static func isTypeName(_ name: String) -> Bool {
    (1...64).contains(name.utf8.count) && !ServiceCatalogue.reservedNames.contains(name)
      && name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
          UInt8(ascii: "_"), UInt8(ascii: "-"):
          true
        default: false
        }
      }
  }
}
