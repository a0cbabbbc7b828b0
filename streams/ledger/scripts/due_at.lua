-- KEYS: marker; for each key, the due dates of its partition. ARGV: the keys. Their dates, '' for none; nil without marker.

if redis.call('EXISTS', KEYS[1]) == 0 then
  return false
end
local found = {}
for i = 1, #ARGV do
  found[i] = redis.call('ZSCORE', KEYS[i + 1], ARGV[i]) or ''
end
return found
