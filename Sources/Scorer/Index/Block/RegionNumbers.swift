/// Regions' numbers by name.
struct RegionNumbers {
  private var numbers: NameTable
  private var texts: TextPool
  /// Of each region's name.
  private var places: [UInt32] = []

  init(_ memory: BlockMemory) {
    numbers = NameTable(memory)
    texts = TextPool(memory)
  }

  func number(of name: String) -> Int? {
    let (numbers, names) = (numbers, texts.names)
    return places.withUnsafeBufferPointer { places in
      name.withBytes { bytes in
        numbers.find(numbers.hash(bytes)) { names.holds(bytes, at: places[$0]) }
      }
    }
  }

  /// Takes in a name that isn't there.
  mutating func insert(_ name: String, _ number: Int, _ memory: BlockMemory) {
    let place = texts.insert(name, memory)
    if number == places.count { places.append(place) } else { places[number] = place }
    numbers.insert(numbers.hash(name), number, memory)
  }

  mutating func remove(_ name: String, _ number: Int) {
    numbers.remove(numbers.hash(name), number)
    texts.remove(places[number])
  }
}
