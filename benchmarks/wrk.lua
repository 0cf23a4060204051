-- wrk sends each token of the file BENCH_TOKENS in turn, with the JSON of BENCH_BODY if there is any, and prints the counts as JSON.
local requests = {}
local sent = 0

function init(args)
  local body = os.getenv("BENCH_BODY")
  for token in io.lines(os.getenv("BENCH_TOKENS")) do
    local headers = { ["Host"] = wrk.headers["Host"], ["Authorization"] = "Bearer " .. token }
    if body and body ~= "" then
      headers["Content-Type"] = "application/json"
      requests[#requests + 1] = wrk.format("POST", nil, headers, body)
    else
      requests[#requests + 1] = wrk.format("GET", nil, headers)
    end
  end
end

function request()
  sent = sent + 1
  return requests[(sent - 1) % #requests + 1]
end

function done(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format('{"answers": %d, "seconds": %.6f, "refused": %d, "failed": %d}\n',
    summary.requests, summary.duration / 1e6, errors.status, failed))
end
