import ArgumentParser

/// Where a process's settings stand beside its environment.
package struct SettingsFiles: ParsableArguments {
  @Option(
    name: .customLong("settings"),
    help: ArgumentHelp(
      "A file of KEY=value lines; may be repeated, the first that names a key counts. (default: .env)",
      valueName: "file"))
  package var paths: [String] = []

  package init() {}
}
