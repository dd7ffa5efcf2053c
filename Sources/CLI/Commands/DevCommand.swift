import ArgumentParser
import Fleet
import FoundationEssentials
import Glibc
import Simulation

struct DevCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dev",
    abstract: "Runs a whole hub on this machine until Ctrl-C.",
    discussion: """
      A private PostgreSQL and Redis, gateways, scorers, mock miners that stream heartbeats and a mock \
      coordinator that matches jobs against them. Everything it keeps lies in the data folder and is \
      there next time; nothing it starts outlives it.
      """)

  @Option(help: "The first gateway's port; the others follow it. 0 takes free ones.")
  var port = 8203

  @Option(help: "How many gateways.")
  var gateways = 1

  @Option(help: "How many scorers.")
  var scorers = 2

  @Option(help: "How many mock miners; 0 for neither miners nor a coordinator.")
  var miners = 200

  @Option(help: "Matches a second that the mock coordinator asks for.")
  var matchRate = 5.0

  @Option(help: "What the mock miners are drawn from.")
  var seed: UInt64 = 1

  @Option(name: .customLong("data"), help: "The folder that holds everything.")
  var directory = ".poolhub"

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp(
      "A setting for every process, over its default; may be repeated.", valueName: "KEY=VALUE"))
  var settings: [String] = []

  func validate() throws {
    guard (0...65_535).contains(port), port == 0 || port + gateways <= 65_536 else {
      throw ValidationError("--port must be 0 to 65535, with room for every gateway above it")
    }
    guard (1...64).contains(gateways) else { throw ValidationError("--gateways must be 1 to 64") }
    guard (1...64).contains(scorers) else { throw ValidationError("--scorers must be 1 to 64") }
    guard (0...100_000).contains(miners) else {
      throw ValidationError("--miners must be 0 to 100000")
    }
    guard (0...100_000).contains(matchRate) else {
      throw ValidationError("--match-rate must be 0 to 100000")
    }
    for setting in settings where DevOptions.Setting(setting) == nil {
      throw ValidationError("--set '\(setting)' is not KEY=VALUE")
    }
  }

  func run() async throws {
    FileLimit.raise()
    let signals = StopSignals.stream()
    let hub = DevHub(options: options, hooks: .standard { Console.out($0) })
    let (stopped, stopper) = AsyncStream.makeStream(of: Void.self)
    let watch = Task {
      var seen = 0
      for await _ in signals {
        seen += 1
        // The kernel ends every child once we are gone.
        if seen > 1 { _exit(130) }
        Console.out("\nstopping; once more to stop at once")
        await hub.requestStop()
        stopper.finish()
      }
    }
    defer { watch.cancel() }
    do {
      printDirections(try await hub.start())
      for await _ in stopped {}
    } catch {
      let wasAsked = await hub.isStopping
      await hub.stop()
      if wasAsked { return }
      throw error
    }
    await hub.stop()
  }

  private var options: DevOptions {
    let isAbsolute = directory.hasPrefix("/")
    let here = FileManager.default.currentDirectoryPath
    var options = DevOptions(directory: isAbsolute ? directory : here + "/" + directory)
    options.port = port
    options.gateways = gateways
    options.scorers = scorers
    options.settings = settings.compactMap { DevOptions.Setting($0) }
    if miners > 0 {
      options.simulation = DevOptions.Simulation(miners: miners, seed: seed, matchRate: matchRate)
    }
    return options
  }

  private func printDirections(_ state: DevState) {
    let url = state.gateways[0]
    let data = options.directory
    Console.out(
      """

      The hub is ready: \(state.gateways.joined(separator: "  "))
        health    \(url)/v1/health
        secrets   \(data)/\(DevState.fileName)
        logs      \(data)/log/
        \(miners == 0 ? "no mock miners" : "\(miners) mock miners are coming online")

      Ask for a match:
        curl -s \(url)/v1/match -H "Authorization: Bearer \(state.coordinatorSecret)" \\
          -H 'Content-Type: application/json' \\
          -d '{"job_id":"try-1","requirements":{"min_vram_gb":8},"hints":{"region":"eu"},"top_k":3}'

      Or: \(CommandLine.arguments[0]) match --region eu --min-vram 8 --top-k 3\(dataFlag)
      Ctrl-C stops everything.
      """)
  }

  private var dataFlag: String { directory == ".poolhub" ? "" : " --data \(directory)" }
}
