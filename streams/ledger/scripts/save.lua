-- KEYS: marker; per change: state, due dates. ARGV: per change: version read, source, offset, due or '', key, body.
-- The new versions, '0' where somebody saved meanwhile; nil without marker.

local base = redis.call('GET', KEYS[1])
if not base then
  return false
end

local function sources(head, source, offset)
  local text = ''
  for name, last in string.gmatch(head, ' (%S+)=(%d+)') do
    if name ~= source then
      text = text .. ' ' .. name .. '=' .. last
    end
  end
  return text .. ' ' .. source .. '=' .. offset
end

-- The same change once more: its answer was lost.
local function holds(key, source, offset, body)
  local raw = redis.call('GET', key) or ''
  local stop = string.find(raw, '\n', 1, true)
  if not stop or string.sub(raw, stop + 1) ~= body then
    return false
  end
  return string.find(string.sub(raw, 1, stop - 1) .. ' ', ' ' .. source .. '=' .. offset .. ' ', 1, true)
end

local saved = {}
for i = 1, (#KEYS - 1) / 2 do
  local state, dues, a = KEYS[2 * i], KEYS[2 * i + 1], (i - 1) * 6
  local read, source, offset, body = ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], ARGV[a + 6]
  local version = version_of(state)
  if version == read then
    saved[i] = next_version(version, base)
    redis.call('SET', state, saved[i] .. sources(head_of(state), source, offset) .. '\n' .. body)
    set_due(dues, ARGV[a + 5], ARGV[a + 4])
  elseif holds(state, source, offset, body) then
    saved[i] = version
  else
    saved[i] = '0'
  end
end
return saved
