import Domain
import GatewayAPI
import GatewayPolicy
import JSON

/// What a report's offer comes to.
struct OfferCheck {
  let offers: Offers
  /// Whether a report without one is refused.
  let isRequired: Bool

  /// Puts what the offer proves into the report. One that proves nothing is refused and not counted for
  /// less, so that its coordinator learns of it.
  func prove(_ request: FeedbackRequest, at now: Timestamp) throws(Problem) -> FeedbackReport {
    var report = request.report
    guard let text = request.offer else {
      if isRequired {
        throw Self.refusal("required", "offer is required: send back the candidate's own")
      }
      return report
    }
    do {
      report.offer = try offers.check(
        text, coordinator: report.coordinator, jobID: report.jobID, minerID: report.minerID,
        at: now)
      return report
    } catch {
      throw refusal(error)
    }
  }

  private func refusal(_ fault: Offers.Fault) -> Problem {
    let mend = isRequired ? "" : "; without it the report counts for less"
    return switch fault {
    case .malformed:
      Self.refusal("format", "offer must be as a candidate of a match carried it\(mend)")
    case .unknownKey, .expired:
      Self.refusal("expired", "offer is too old: its match was too long ago\(mend)")
    case .notOfThisMatch:
      Self.refusal(
        "not_of_this_match", "offer was made for another job, miner or coordinator\(mend)")
    }
  }

  private static func refusal(_ code: String, _ detail: String) -> Problem {
    .invalid([FieldError(field: "offer", code: code, detail: detail)])
  }
}
