/// The release that this build is of, by SemVer.
package enum Version {
  package static let current = "0.1.0"
}
