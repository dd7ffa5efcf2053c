/// The one place where metrics get their names, help texts and buckets. Labels are named in the help.
extension Metric {
  // Miners and what they send.
  package static let minersOnline = gauge(
    "poolhub_miners_online", "Miners within their lease, by region.")
  package static let heartbeats = counter(
    "poolhub_heartbeats_total", "Signs of life taken in, by the way they came (transport).")
  package static let webSockets = gauge("poolhub_websockets", "Open miner WebSockets.")
  package static let webSocketClosures = counter(
    "poolhub_websocket_closures_total",
    "Ended miner WebSockets, by the hub's close code, or who ended it (code).")

  package static let statusesArchived = counter(
    "poolhub_statuses_archived_total", "Last known statuses written to PostgreSQL.")
  package static let registrations = counter(
    "poolhub_registrations_total", "Registrations, by whether the miner was new (created).")

  // Matches.
  package static let matchRequests = counter(
    "poolhub_match_requests_total", "Answered match requests, by outcome.")
  package static let matchBatches = counter(
    "poolhub_match_batches_total", "Batches of matches that were answered.")
  package static let matchCandidates = counter(
    "poolhub_match_candidates_total", "Candidates returned by matches.")
  package static let matchFailures = counter(
    "poolhub_match_failures_total", "Matches that no scorer answered in time.")
  package static let matchRejections = counter(
    "poolhub_match_rejections_total",
    "Miners that a match turned down, by reason, where the match counted them.")
  package static let matchLatency = histogram(
    "poolhub_match_latency_seconds", "From a match request's body to its answer.")
  package static let matchRetries = counter(
    "poolhub_match_retries_total", "Matches moved to another scorer.")
  package static let matchHedges = counter(
    "poolhub_match_hedges_total",
    "Slow matches asked of a second scorer, by whether its answer came first (won).")
  package static let dispatchWaiting = gauge(
    "poolhub_dispatch_waiting", "Matches and feedback waiting in the gateway for a scorer.")
  package static let dispatchExpired = counter(
    "poolhub_dispatch_expired_total", "Matches and feedback whose deadline came first.")
  package static let dispatchLate = counter(
    "poolhub_dispatch_late_total", "Scorers' answers that nobody waited for any more.")
  package static let matchHistoryRows = counter(
    "poolhub_match_history_total", "Answered matches written to the history.")
  package static let matchHistoryWaiting = gauge(
    "poolhub_match_history_waiting", "Answered matches waiting to be written to the history.")

  // Feedback.
  package static let feedback = counter(
    "poolhub_feedback_total", "Feedback recorded, by outcome.")
  package static let feedbackOffers = counter(
    "poolhub_feedback_offers_total",
    "Feedback recorded, by whether an offer proved that it is about a match (proven, none).")
  package static let feedbackDuplicates = counter(
    "poolhub_feedback_duplicates_total", "Feedback that was recorded before.")
  package static let feedbackLatency = histogram(
    "poolhub_feedback_latency_seconds", "From a feedback's arrival to its commit.")

  // Scorers, as a gateway sees them, by scorer.
  package static let scorerUp = gauge(
    "poolhub_scorer_up", "1 while the scorer is connected, by scorer.")
  package static let scorerReady = gauge(
    "poolhub_scorer_ready", "1 while the scorer takes requests, by scorer.")
  package static let scorerInFlight = gauge(
    "poolhub_scorer_in_flight", "Requests sent and not answered yet, by scorer.")
  package static let scorerCircuitOpen = gauge(
    "poolhub_scorer_circuit_open",
    "1 while the scorer errs and is asked only as a last resort, by scorer.")
  package static let scorerWaiting = gauge(
    "poolhub_scorer_waiting", "Requests that wait inside the scorer, by scorer.")
  package static let scorerAnswerRate = gauge(
    "poolhub_scorer_answers_per_second",
    "Matches that the scorer answers, to all gateways together, by scorer.")
  package static let scorerDropped = counter(
    "poolhub_scorer_dropped_total",
    "Requests that the scorer dropped because nobody waited any more, by scorer.")
  package static let scorerRefused = counter(
    "poolhub_scorer_refused_total",
    "Requests that the scorer refused because too many waited, by scorer.")
  package static let scorerFrameFaults = counter(
    "poolhub_scorer_frame_faults_total",
    "Messages on the scorers' socket that were malformed, too large or undelivered (fault).")
  package static let scorerAnswers = counter(
    "poolhub_scorer_answers_total", "Answers received, by scorer.")
  package static let scorerSpreadOffers = gauge(
    "poolhub_scorer_spread_offers",
    "Offers to spread matches that still count against miners' free slots, by scorer.")
  package static let scorerSpreadForgotten = counter(
    "poolhub_scorer_spread_forgotten_total",
    "Offers to spread matches that stopped counting early, for want of room, by scorer.")
  package static let scorerAuditedAnswers = counter(
    "poolhub_scorer_audited_answers_total",
    "Answers that the scorer compared with the plain index's, by scorer.")
  package static let scorerAuditDifferences = counter(
    "poolhub_scorer_audit_differences_total",
    "Audited answers that were not the plain index's, by scorer: each is a bug.")
  package static let scorerLag = gauge(
    "poolhub_scorer_lag_seconds", "Age of the last change that the scorer applied, by scorer.")
  package static let scorerHeartbeatDelay = histogram(
    "poolhub_scorer_heartbeat_delay_seconds",
    "From a heartbeat's arrival at its gateway to the scorer's index, by scorer.",
    buckets: heartbeatDelayBuckets)
  package static let scorerMinersOnline = gauge(
    "poolhub_scorer_miners_online", "Miners online in the scorer's registry, by scorer.")
  package static let scorerLinksRefused = counter(
    "poolhub_scorer_links_refused_total",
    "Connections to the scorers' port that got no link, by reason: unknown_key or handshake.")
  package static let registryLag = gauge(
    "poolhub_registry_lag_seconds", "How far the freshest scorer's registry is behind.")

  // The change stream's writer.
  package static let changeFlushes = counter(
    "poolhub_change_flushes_total", "Batches appended to the change stream.")
  package static let changeEntries = counter(
    "poolhub_change_entries_total", "Entries appended to the change stream.")
  package static let changesWritten = counter(
    "poolhub_changes_total", "Changes appended to the change stream.")
  package static let changesPending = gauge(
    "poolhub_changes_pending", "Changes waiting for the change stream.")
  package static let changeFailures = counter(
    "poolhub_change_failures_total", "Batches that the change stream didn't take.")

  package static let storeUp = gauge(
    "poolhub_store_up", "1 while the store takes reads and writes, by store: redis or postgresql.")
  package static let postgresWaiting = gauge(
    "poolhub_postgres_waiting", "Callers waiting for a session of PostgreSQL.")

  // HTTP.
  package static let httpRequests = counter(
    "poolhub_http_requests_total", "HTTP requests, by route and status class.")
  package static let httpLatency = histogram(
    "poolhub_http_request_seconds", "From an HTTP request's head to its answer, by route.")

  // Keys.
  package static let keysIssued = counter(
    "poolhub_keys_issued_total", "Keys issued, rotations too, by kind.")
  package static let keysRevoked = counter(
    "poolhub_keys_revoked_total", "Keys revoked, by kind.")
  package static let keyRefusals = counter(
    "poolhub_key_refusals_total",
    "Requests refused for the secret, key or session token that they presented, by reason: unknown, "
      + "mistyped, revoked, expired, wrong_key, key_in_use, key_not_issued or key_ended.")

  // Rate limits.
  package static let rateLimitRequests = counter(
    "poolhub_rate_limit_requests_total",
    "Requests that a limit was asked about, by limit, outcome (allowed or limited) and mode: shared, "
      + "or alone while the gateways can't settle what they granted.")
  package static let rateLimitKeys = gauge(
    "poolhub_rate_limit_keys", "Callers that a limit holds in memory, by limit.")
  package static let rateLimitAlone = gauge(
    "poolhub_rate_limit_alone", "1 while limits are kept without the other gateways.")
  package static let addressRefusals = counter(
    "poolhub_address_refusals_total", "Requests from addresses not allowed there, by audience.")

  // A connection's beginning.
  package static let openingFaults = counter(
    "poolhub_connection_faults_total",
    "Connections that ended before HTTP, by fault: tls_handshake or proxy_header.")
  package static let tlsCertificateExpiry = gauge(
    "poolhub_tls_certificate_expiry_seconds",
    "When the certificate in use ends, in seconds since 1970.")
  package static let tlsReloads = counter(
    "poolhub_tls_reloads_total", "Certificates read anew, by outcome: ok or failed.")
  package static let reloads = counter(
    "poolhub_reloads_total", "Settings read anew on SIGHUP, by outcome: ok or failed.")

  // The processes themselves.
  package static let limitHits = counter(
    "poolhub_limit_hits_total", "Times that a limit refused or dropped something, by limit.")
  package static let droppedSeries = counter(
    "poolhub_telemetry_dropped_series_total",
    "Label sets left out because their metric has too many.")
  package static let buildInfo = gauge(
    "poolhub_build_info", "1, with the running version and process as labels.")
  package static let processResidentMemory = gauge(
    "process_resident_memory_bytes", "Resident memory.")
  package static let processOpenFiles = gauge("process_open_fds", "Open file descriptors.")
  package static let processFileLimit = gauge(
    "process_max_fds", "The most file descriptors that may be open.")
  package static let processCPU = counter(
    "process_cpu_seconds_total", "CPU time, user and system.")
  package static let processStart = gauge(
    "process_start_time_seconds", "When the process started, in seconds since 1970.")

  package static let all: [Metric] = [
    minersOnline, heartbeats, webSockets, webSocketClosures, statusesArchived, registrations,
    matchRequests, matchBatches, matchCandidates, matchFailures, matchRejections, matchLatency,
    matchRetries,
    matchHedges, dispatchWaiting, dispatchExpired, dispatchLate,
    matchHistoryRows, matchHistoryWaiting,
    feedback, feedbackOffers, feedbackDuplicates, feedbackLatency,
    scorerUp, scorerReady, scorerCircuitOpen, scorerInFlight, scorerWaiting, scorerAnswers,
    scorerAnswerRate, scorerDropped, scorerRefused, scorerFrameFaults,
    scorerSpreadOffers, scorerSpreadForgotten, scorerAuditedAnswers,
    scorerAuditDifferences, scorerLag, scorerHeartbeatDelay, scorerMinersOnline, registryLag,
    scorerLinksRefused,
    changeFlushes, changeEntries, changesWritten, changesPending, changeFailures, storeUp,
    postgresWaiting, httpRequests, httpLatency, keysIssued, keysRevoked, keyRefusals,
    rateLimitRequests, rateLimitKeys, rateLimitAlone, addressRefusals,
    openingFaults, tlsCertificateExpiry, tlsReloads, reloads,
    limitHits, droppedSeries, buildInfo,
    processResidentMemory, processOpenFiles, processFileLimit, processCPU, processStart,
  ]
}
