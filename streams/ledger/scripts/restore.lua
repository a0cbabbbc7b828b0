-- KEYS: lock; per row: state, due dates or ''. ARGV: token; per row: version, sources as in the first line, due or '',
-- key, body. How many rows were written; nil if the lock is another's.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return false
end
local written = 0
for i = 1, (#KEYS - 1) / 2 do
  local state, dues, a = KEYS[2 * i], KEYS[2 * i + 1], (i - 1) * 5 + 1
  if tonumber(ARGV[a + 1]) > tonumber(version_of(state)) then
    redis.call('SET', state, ARGV[a + 1] .. ARGV[a + 2] .. '\n' .. ARGV[a + 5])
    if dues ~= '' then
      set_due(dues, ARGV[a + 4], ARGV[a + 3])
    end
    written = written + 1
  end
end
return written
