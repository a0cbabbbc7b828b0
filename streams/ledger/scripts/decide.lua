-- KEYS: marker; per record: ledger, decision. ARGV: seconds that a decision is kept; per record: version read, body or
-- '' (ledger stays as it is), decision. Per record {outcome, version, decision}; nil without marker.

local base = redis.call('GET', KEYS[1])
if not base then
  return false
end

local answers = {}
local stands = {} -- by ledger: what this call was given for it was stored so far
for i = 1, (#KEYS - 1) / 2 do
  local ledger, kept, a = KEYS[2 * i], KEYS[2 * i + 1], (i - 1) * 3 + 1
  local read, body, decision = ARGV[a + 1], ARGV[a + 2], ARGV[a + 3]
  local known, version = redis.call('GET', kept), version_of(ledger)
  local fits = stands[ledger]
  if fits == nil then
    fits = version == read
  end
  stands[ledger] = fits and not known
  if known then
    answers[i] = { 'known', version, known }
  elseif fits then
    if body ~= '' then
      version = next_version(version, base)
      redis.call('SET', ledger, version .. '\n' .. body)
    end
    redis.call('SET', kept, decision, 'EX', ARGV[1])
    answers[i] = { 'done', version, '' }
  else
    answers[i] = { 'conflict', version, '' }
  end
end
return answers
