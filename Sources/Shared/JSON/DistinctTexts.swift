/// Texts in the order in which they came, each once. Two are the same when their bytes are: Swift's own
/// comparison also takes «é» and «e» with a combining accent for one text.
package struct DistinctTexts {
  package private(set) var texts: [String] = []
  private var seen = Set<String>()

  package init() {}

  package mutating func append(_ text: String) {
    if seen.insert(text).inserted || !texts.contains(where: { $0.utf8.elementsEqual(text.utf8) }) {
      texts.append(text)
    }
  }
}
