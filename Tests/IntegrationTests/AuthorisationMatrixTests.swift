import Domain
import Fleet
import Foundation
import GatewayPolicy
import JSON
import Simulation
import TestSupport
import Testing

/// Somebody who asks, and what it proves itself with: the columns of the authorisation matrix.
enum ContractCaller: String, CaseIterable, Sendable {
  case nobody, garbage, minerByToken, minerByKey, otherMiner, expired, revoked, forged
  case coordinator, coordinatorByHeader, operatorOfTheHub

  /// Who gets what: nil for the path's good answer, 401 with no or bad credentials, 403 with those of
  /// somebody else. An API key and the header's secret are only looked at where they could be good.
  static let table: [ContractPath.Reach: [ContractCaller: Int?]] = [
    .anyone: reach(allCases, others: [:]),
    .noUpgrade: reach(allCases, others: [:]),
    .miner: reach(
      [.minerByToken, .minerByKey, .otherMiner],
      others: [.coordinator: 403, .operatorOfTheHub: 403]),
    .coordinator: reach(
      [.coordinator, .coordinatorByHeader],
      others: [.minerByToken: 403, .otherMiner: 403, .operatorOfTheHub: 403]),
    .operators: reach(
      [.operatorOfTheHub], others: [.minerByToken: 403, .otherMiner: 403, .coordinator: 403]),
  ]

  private static func reach(
    _ welcome: [ContractCaller], others: [ContractCaller: Int]
  ) -> [ContractCaller: Int?] {
    Dictionary(
      uniqueKeysWithValues: allCases.map { caller in
        (caller, welcome.contains(caller) ? Int?.none : others[caller] ?? 401)
      })
  }
}

/// The callers of one row, each with credentials that no other row has used up.
private struct MatrixCallers {
  let miner: LiveMiner
  let other: LiveMiner
  private let revoked: String
  private let client: HubClient
  private let signingKey: [UInt8]

  init(_ corner: Corner) async throws {
    client = corner.client
    miner = try await corner.register("1")
    other = try await corner.register("2")
    let gone = try await corner.register("3")
    try await client.logout(token: gone.token).expectOK()
    revoked = gone.token
    let key = try DevSecrets.keptIn(suiteHub().directory).sessionSigningKey
    signingKey = Array(try #require(Data(base64Encoded: key)))
  }

  /// The miner's own token, but for its key or its time.
  private func token(signedWith key: [UInt8], secondsAgo: Int64) throws -> String {
    let id = try #require(MinerID(miner.id))
    let issued = Timestamp.now.advanced(byMilliseconds: -secondsAgo * 1_000)
    return SessionTokens(keys: [("dev", key)], lifetimeSeconds: 60).issue(for: id, at: issued)
  }

  func credentials(
    of caller: ContractCaller
  ) throws -> (bearer: String?, headers: [(String, String)]) {
    switch caller {
    case .nobody: (nil, [])
    case .garbage: ("garbage-that-is-nobodys-secret", [])
    case .minerByToken: (try token(signedWith: signingKey, secondsAgo: 0), [])
    case .minerByKey: (miner.apiKey, [])
    case .otherMiner: (other.token, [])
    case .expired: (try token(signedWith: signingKey, secondsAgo: 61), [])
    case .revoked: (revoked, [])
    case .forged: (try token(signedWith: signingKey.reversed(), secondsAgo: 0), [])
    case .coordinator: (client.coordinatorSecret, [])
    case .coordinatorByHeader: (nil, [("X-PoolHub-Key", client.coordinatorSecret ?? "")])
    case .operatorOfTheHub: (client.adminSecret, [])
    }
  }
}

extension RunningProcesses.Contract {
  @Suite("The authorisation matrix") struct AuthorisationMatrix {
    private static let rows = ContractPath.all + ContractPath.further

    @Test("Each caller reaches its own paths", arguments: rows)
    func reach(_ path: ContractPath) async throws {
      let corner = try Corner("who")
      let expected = try #require(ContractCaller.table[path.reach])
      let good = path.good ?? (path.reach == .noUpgrade ? 426 : 200)
      for caller in ContractCaller.allCases {
        // A logout is the end of a token.
        let callers = try await MatrixCallers(corner)
        let (bearer, headers) = try callers.credentials(of: caller)
        let answer = try await path.ask(
          corner.client, miner: callers.miner.id, bearer: bearer, headers: headers)
        let status = try #require(expected[caller]) ?? good
        #expect(answer.status == status, "\(caller): \(answer.text)")
        switch answer.status {
        case 401 where path.method != "HEAD": answer.expectProblem(401, "unauthorized")
        case 403 where path.method != "HEAD": answer.expectProblem(403, "forbidden")
        default: break
        }
        // Where one's own record is answered, it is nobody else's.
        if caller == .otherMiner, path.reach == .miner {
          #expect(!answer.text.contains(#""\#(callers.miner.id)""#), "\(answer.text)")
        }
      }
    }

    @Test("Every path of openapi.yaml has its row, and every row its path")
    func complete() {
      let described = ContractDescription.project
      let rows = Self.rows.map { described.name($0.method, $0.path) ?? "no path: \($0)" }
      #expect(Set(described.names).subtracting(rows) == [])
      #expect(Set(rows).subtracting(described.names) == [])
    }
  }
}
