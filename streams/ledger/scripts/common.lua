-- Begins every script. A state is a string: `VERSION SOURCE=OFFSET …`, a line feed, the body. Versions are compared as
-- text and counted as numbers of at most 16 digits, which Lua holds exactly.

local function version_of(key)
  return string.match(redis.call('GETRANGE', key, 0, 19), '^%d+') or '0'
end

-- The first line, without its line feed. Most are much shorter than what is read here.
local function head_of(key)
  local raw = redis.call('GETRANGE', key, 0, 255)
  local stop = string.find(raw, '\n', 1, true)
  if not stop then
    raw = redis.call('GET', key) or ''
    stop = string.find(raw, '\n', 1, true) or 1
  end
  return string.sub(raw, 1, stop - 1)
end

-- At least `base`: what was granted before a loss is never granted again, so a worker that still holds such a version
-- cannot save over what others did since.
local function next_version(version, base)
  return string.format('%.0f', math.max(tonumber(version) + 1, tonumber(base)))
end

local function set_due(dues, key, due)
  if due == '' then
    redis.call('ZREM', dues, key)
  else
    redis.call('ZADD', dues, due, key)
  end
end

