import Foundation
import JSON
import Postgres
import Simulation
import TestSupport
import Testing

extension RunningProcesses {
  @Suite("PostgreSQL at fault") struct FaultDatabase {
    @Test(
      "a PostgreSQL that answers but writes nothing: 503 for what must last, and health says so")
    func writesRefused() async throws {
      try await OwnFleet.with { fleet in
        try await fleet.startScorer()
        let client = try await fleet.startGateway()
        try await client.waitForHealth("ok", scorers: 1)
        let miner = try await LiveMiner.register("ro", capability: "ro", at: client)
        let operatorsPool = PostgresPool(dsn: fleet.postgres.dsn)
        func setReadOnly(_ isReadOnly: Bool) async throws {
          try await operatorsPool.run { connection in
            try connection.execute("SET default_transaction_read_only = off")
            try connection.execute(
              isReadOnly
                ? "ALTER SYSTEM SET default_transaction_read_only = on"
                : "ALTER SYSTEM RESET default_transaction_read_only")
            try connection.execute("SELECT pg_reload_conf()")
          }
        }
        try await setReadOnly(true)
        try await eventually("feedback is refused") {
          try await client.feedback(job: "ro", miner: miner.id).status == 503
        }
        try await client.register(Array(#"{"miner_id":"ro-2","api_key":"0123456789abcdef"}"#.utf8))
          .expectProblem(503, "store_unavailable", retries: true)
        try await client.waitForHealth("degraded", scorers: 1, within: .seconds(5))
        #expect(try await client.health().json?["db_error"]?.string == "refused (25006)")
        #expect(try await client.online("ro") == [miner.id])
        #expect(try await miner.heartbeat(["queue_len": .int(1)]).status == 200)
        // It lasts as long as the fault does, though nobody writes.
        try await Task.sleep(for: .seconds(2))
        #expect(try await client.health().json?["status"]?.string == "degraded")
        try await setReadOnly(false)
        await operatorsPool.close()
        try await client.waitForHealth("ok", scorers: 1, within: .seconds(5))
        #expect(try await client.feedback(job: "ro", miner: miner.id).status == 200)
      }
    }
  }
}
